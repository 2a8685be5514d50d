"""Options that say which history is judged, for which server, and what commands make of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zdmigrate.cli_fleet import opened_fleet, with_fleet
from zdmigrate.errors import UsageError

if TYPE_CHECKING:
    from zdmigrate.assemble import Request
    from zdmigrate.plan import Plan

Command = TypeVar("Command", bound=Callable[..., Any])


def history_options(command: Command) -> Command:
    """Options that say which history, which revisions of it, and what is known of server and deployed code."""
    options = [
        click.option(
            "-c",
            "--config",
            type=click.Path(path_type=Path),
            help="The app's alembic.ini (default: found as Alembic finds it).",
        ),
        click.option("--script-location", help="Folder of the migration scripts, for apps without an alembic.ini."),
        click.option(
            "--version-location", "version_locations", multiple=True, help="Folder with revisions (repeatable)."
        ),
        click.option(
            "--from", "from_", metavar="REV", help="The deployed revision (default: the database's with --url)."
        ),
        click.option("--to", metavar="REV", help="Judge up to this revision (default: every head)."),
        click.option(
            "--target",
            metavar="FLAVOUR",
            help="mysql:VERSION or mariadb:VERSION (default: the server's with --url, else mysql:8.4).",
        ),
        click.option("--url", help="Database to read: its schema, sizes and version. May hold ${VAR} for secrets."),
        click.option(
            "--schema", type=click.Path(path_type=Path), help="Starting schema: a `mysqldump --no-data` file."
        ),
        click.option("--metadata", metavar="PKG.MODULE:OBJECT", help="Starting schema: the app's MetaData."),
        click.option(
            "--import",
            "imports",
            multiple=True,
            metavar="MODULE",
            help="Import first, for operations that plugins register (repeatable).",
        ),
        click.option("--stub-imports", is_flag=True, help="Replace modules that are not installed by inert stand-ins."),
        click.option(
            "--deployed", multiple=True, metavar="FILE|git:REF", help="Manifest of a deployed version (repeatable)."
        ),
        click.option("--downgrade", is_flag=True, help="Judge downgrade() of the same revisions instead."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def server_options(command: Command) -> Command:
    """Options of proofs that say where to run, and what more old code does."""
    options = [
        click.option(
            "--server",
            metavar="URL",
            help="Prove on this server, in a scratch database that is dropped again (default: a server is started).",
        ),
        click.option(
            "--server-binary", type=click.Path(path_type=Path), help="The mysqld or mariadbd to start (default: found)."
        ),
        click.option(
            "--workload",
            type=click.Path(path_type=Path),
            multiple=True,
            help="File with SQL statements of old code, to run beside those derived from its schema (repeatable).",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def requested(options: dict[str, Any], *, since: str | None = None) -> Request:
    """What the command's `options` (of `history_options`) ask to be judged.

    Raises:
        UsageError: an option is empty, or the settings cannot be used.
    """
    from zdmigrate.assemble import Request
    from zdmigrate.config import find_config, load_settings

    for name, value in {**options, "since": since}.items():
        if value == "":
            flag = name.rstrip("_").replace("_", "-")
            raise UsageError(f"--{flag} is empty; leave it out, or see why the variable it comes from is not set")
    given: Path | None = options["config"]
    config = find_config(given)
    settings = load_settings(config).override(
        script_location=options["script_location"],
        version_locations=options["version_locations"],
        target=options["target"],
        url=options["url"],
        schema=options["schema"],
        metadata=options["metadata"],
        imports=options["imports"],
        stub_imports=options["stub_imports"] or None,
        deployed=options["deployed"],
    )
    return Request(
        settings,
        from_=options["from_"],
        to=options["to"],
        since=since,
        metadata=options["metadata"],
        downgrade=options["downgrade"],
    )


def asking_fleet(request: Request, fleet: dict[str, Any]) -> Request:
    """The request with what the live fleet says, when one is named; `fleet` are the command's options about it."""
    from dataclasses import replace

    settings = with_fleet(request.settings, fleet)
    with opened_fleet(settings) as found:
        return replace(request, settings=settings, fleet=None if found is None else found.read())


def assembled(request: Request) -> Plan:
    """The plan, with a progress bar while revisions are replayed."""
    from zdmigrate.assemble import assemble
    from zdmigrate.report.progress import replay_progress

    with replay_progress() as step:
        return assemble(request, progress=step)
