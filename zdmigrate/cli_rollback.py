"""`zdmigrate can-rollback`: parse, read the database and the manifest, print whether that version could run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zdmigrate.errors import UsageError

if TYPE_CHECKING:
    from zdmigrate.config import Settings
    from zdmigrate.fleet import Fleet
    from zdmigrate.rollback import Objection
    from zdsession.manifest import Manifest


@click.command("can-rollback")
@click.argument("version")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    help="The app's alembic.ini, for its settings (default: found as Alembic finds it).",
)
@click.option("--url", help="The app's database. It is only read. May hold ${VAR} for secrets.")
@click.option(
    "--fleet",
    metavar="STORE_URL",
    help="Session store with the fleet: it keeps the manifests of what ran. May hold ${VAR}; or set ZDMIGRATE_FLEET.",
)
@click.option("--deployed", metavar="FILE|git:REF", help="The manifest of that version, instead of the fleet's.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Report format.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the report to a file.")
@click.pass_context
def can_rollback(
    ctx: click.Context,
    /,
    version: str,
    config: Path | None,
    url: str | None,
    fleet: str | None,
    deployed: str | None,
    format_: str,
    output: Path | None,
) -> None:
    """Could VERSION of the app run again now? Compares what it maps with the schema as it is.

    Exit codes: 0 yes, 1 no (each reason is a line), 2 usage, 3 something could not be judged.

    A manifest names no keys, checks and triggers: what was changed in those is not looked at.
    """
    from zdmigrate.cli_fleet import opened_fleet
    from zdmigrate.config import find_config, load_settings
    from zdmigrate.report import rollback as report
    from zdmigrate.rollback import Answer

    for name, value in (("VERSION", version), ("--url", url), ("--fleet", fleet), ("--deployed", deployed)):
        if value == "":
            raise UsageError(f"{name} is empty; give it, or see why the variable it comes from is not set")
    settings = load_settings(find_config(config)).override(url=url, fleet=fleet)
    if settings.url is None:
        raise UsageError("say which database it would run on: --url URL")
    with opened_fleet(settings) as found:
        manifests = _manifests(version, deployed, found, settings)
        answer = Answer(version, manifests, *_judged(manifests, found, settings))
    text = report.as_json(answer) if format_ == "json" else report.as_text(answer)
    if output is None:
        click.echo(text, nl=False)
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write {output}: {error.strerror}") from error
    ctx.exit(answer.exit_code)


def _manifests(version: str, deployed: str | None, fleet: Fleet | None, settings: Settings) -> tuple[Manifest, ...]:
    if deployed is not None:
        from zdmigrate.manifest import read_deployed

        (manifest,) = read_deployed([deployed], manifest_path=settings.manifest, metadata=settings.metadata)
        if manifest.version != version:
            raise UsageError(f"{deployed} is the manifest of version {manifest.version}, not of {version}")
        return (manifest,)
    if fleet is None:
        raise UsageError(f"say what {version} maps: --fleet STORE_URL, if it ran in the fleet, or --deployed FILE")
    found = fleet.manifests_of(version)
    if not found:
        known = ", ".join(fleet.versions()[:10]) or "none"
        raise UsageError(
            f"the fleet in {fleet.name} keeps no manifest of version {version}; known are: {known}. "
            "Give the file: --deployed FILE"
        )
    return found


def _judged(
    manifests: tuple[Manifest, ...], fleet: Fleet | None, settings: Settings
) -> tuple[tuple[Objection, ...], tuple[str, ...]]:
    """What stands against any of them, and what holds only for now."""
    from dataclasses import replace

    from zdmigrate.config import expand_variables
    from zdmigrate.live import ask, connected, read_live
    from zdmigrate.rollback import Objection, objections
    from zdsession.health import SchemaCheck

    found: list[Objection] = []
    notes: list[str] = []
    with connected(expand_variables(settings.url or "")) as connection:
        live = read_live(connection, version_table=settings.version_table)
        database = connection.engine.url.database or ""
        for manifest in manifests:
            missing = SchemaCheck(manifest, connection.engine).missing()
            mariadb = live.flavour.is_mariadb
            for item in objections(manifest, live.catalog, missing, database=database, mariadb=mariadb):
                if item.question is None:
                    found.append(item)
                    continue
                proof = ask(connection, item.question)
                if proof.met is None:
                    found.append(replace(item, text=f"whether {item.text} is not known: {proof.text}", is_open=True))
                elif not proof.met:
                    found.append(item)
                else:
                    notes.append(f"{item.table}.{item.column}: no row is in the way now; it would be if {item.text}")
    for barrier in fleet.barriers() if fleet is not None else ():
        for manifest in manifests:
            lift = f"if that is over: zdsession barriers --lift {barrier.name}"
            found += [
                Objection(gone.table, gone.column, f"the barrier {barrier.name} keeps nodes out that map it; {lift}")
                for gone in barrier.against(manifest)
            ]
            if manifest.digest in barrier.refused:
                said = f"the barrier {barrier.name} keeps this version out, which was judged to break by it; {lift}"
                found.append(Objection("", None, said))
    return tuple(dict.fromkeys(found)), tuple(dict.fromkeys(notes))
