"""`zdmigrate manifest`: write what the current code maps."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from zdmigrate.cli_output import write_to
from zdmigrate.errors import UsageError


@click.command()
@click.option("-c", "--config", type=click.Path(path_type=Path), help="The app's alembic.ini.")
@click.option("--metadata", metavar="PKG.MODULE:OBJECT", help="The app's MetaData (default: the `metadata` setting).")
@click.option("--app-version", help="The app's version (default: `git describe`).")
@click.option("--heads", help="Alembic heads the code was written for, comma-separated (default: the history's).")
@click.option(
    "--output", type=click.Path(path_type=Path, allow_dash=True), help="Where to write; - for standard output."
)
def manifest(
    config: Path | None, metadata: str | None, app_version: str | None, heads: str | None, output: Path | None
) -> None:
    """Write what the current code maps, for `--deployed` and for the fleet."""
    from zdmigrate.assemble import history_heads, metadata_of
    from zdmigrate.config import find_config, load_settings
    from zdmigrate.manifest import git, manifest_of

    settings = load_settings(find_config(config)).override(metadata=metadata)
    if settings.metadata is None:
        raise UsageError("say where the app's MetaData is: --metadata package.module:Base.metadata")
    mapped = metadata_of(settings, settings.metadata)
    known = tuple(heads.split(",")) if heads else history_heads(settings)
    try:
        version = app_version or git("describe", "--tags", "--always", "--dirty").decode().strip()
    except UsageError as error:
        raise UsageError(f"{error}; say which version this is with --app-version") from error
    made = manifest_of(mapped, version=version, heads=known)
    if not made.tables:
        raise UsageError(f"{settings.metadata} has no table: import the modules with the models before it is read")
    target = output or settings.manifest
    if str(target) == "-":
        sys.stdout.buffer.write(made.to_json())
        return
    write_to(target, made.to_json().decode())
    click.echo(f"{target}: {len(made.tables)} tables, version {made.version}, {made.digest[:12]}")
