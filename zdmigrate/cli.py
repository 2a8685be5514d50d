"""The command line: parse, call, print. Imports stay inside the commands so that `--help` answers at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zdmigrate import __version__
from zdmigrate.errors import UsageError, ZdmigrateError

if TYPE_CHECKING:
    from rich.console import Console

    from zdmigrate.assemble import Request
    from zdmigrate.plan import Plan

Command = TypeVar("Command", bound=Callable[..., Any])

_EPILOG = (
    "Exit codes: 0 passed, 1 findings at or above the threshold, 2 usage or configuration, 3 could not judge "
    "(unknown), 4 a run was aborted and undone, 5 a run needs a person, 6 refused before anything changed."
)


#: What a shell calls a command that Ctrl-C ended.
_INTERRUPTED = 130
#: What a shell calls a command that SIGPIPE ended. Never 0 or 1: a gate that could not report has said nothing.
_READER_GONE = 141


class _Group(click.Group):
    """Ends every error we raise on purpose with one sentence on standard error and its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ZdmigrateError as error:
            click.echo(f"zdmigrate: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("zdmigrate: interrupted", err=True)
            ctx.exit(_INTERRUPTED)
        except BrokenPipeError:
            # The reader went away: what it did not take must not fail once more when Python flushes at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(_READER_GONE)


@click.group(cls=_Group, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="zdmigrate")
def main() -> None:
    """Judge every change of an Alembic history: does the version now in production survive it?"""


def _history_options(command: Command) -> Command:
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


def _request(options: dict[str, Any], *, since: str | None = None) -> Request:
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


def _assemble(request: Request) -> Plan:
    from zdmigrate.assemble import assemble
    from zdmigrate.report.progress import replay_progress

    with replay_progress() as step:
        return assemble(request, progress=step)


@main.command()
@_history_options
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown"]), default="text", help="Report format."
)
@click.option("--output", type=click.Path(path_type=Path), help="Write the report to a file.")
@click.option("--remedies", is_flag=True, help="Print the recipe under every change that needs one.")
def plan(format_: str, output: Path | None, remedies: bool, **options: Any) -> None:
    """Show every pending change: verdict, phase, cost, strategy. Always exits 0 when it could be made."""
    made = _assemble(_request(options))
    if format_ == "text":
        from zdmigrate.report.text import print_plan

        _print(output, lambda console: print_plan(console, made, remedies=remedies))
        return
    from zdmigrate.report import json, markdown

    _write(output, json.render(made) if format_ == "json" else markdown.render(made))


@main.command()
@_history_options
@click.option("--since", metavar="REV|git:REF", help="Judge only revisions after REV, or not in git commit REF.")
@click.option("--fail-on", type=click.Choice(["unsafe", "conditional"]), help="What fails the gate (default: unsafe).")
@click.option("--strict/--no-strict", default=True, help="Whether what cannot be judged fails the gate (exit 3).")
@click.option("--baseline", type=click.Path(path_type=Path), help="Accept the findings in this file.")
@click.option(
    "--write-baseline", type=click.Path(path_type=Path), help="Write what is found now as accepted, and exit 0."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "sarif", "github", "markdown"]),
    default="text",
    help="Report format.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Write the report to a file.")
@click.pass_context
def check(
    ctx: click.Context,
    /,
    since: str | None,
    fail_on: str | None,
    strict: bool,
    baseline: Path | None,
    write_baseline: Path | None,
    format_: str,
    output: Path | None,
    **options: Any,
) -> None:
    """The gate for CI: exits 1 on an unsafe change outside a declared contract, 3 on what cannot be judged."""
    from datetime import UTC, datetime

    from zdmigrate.gate import run_gate
    from zdmigrate.verdict.model import Verdict
    from zdmigrate.waivers import apply_waivers

    request = _request(options, since=since)
    made = _assemble(request)
    made, problems = apply_waivers(made, datetime.now(UTC).date())
    if write_baseline is not None:
        from zdmigrate import baseline as baseline_file

        count = baseline_file.write_baseline(write_baseline, made)
        click.echo(f"{write_baseline}: {count} findings accepted")
        return
    accepted = baseline or request.settings.baseline
    if accepted is not None:
        from zdmigrate import baseline as baseline_file

        made = baseline_file.apply_baseline(made, baseline_file.read_baseline(accepted))
    threshold = Verdict(fail_on or request.settings.fail_on)
    gate = run_gate(made, fail_on=threshold, strict=strict, waiver_problems=problems)
    if format_ == "text":
        from zdmigrate.report.text import print_gate

        _print(output, lambda console: print_gate(console, made, gate, tuple(problems)))
    else:
        from zdmigrate.report import github, json, markdown, sarif

        render: dict[str, Callable[..., str]] = {
            "json": json.render,
            "sarif": sarif.render,
            "github": github.render,
            "markdown": markdown.render,
        }
        _write(output, render[format_](made, gate, tuple(problems)))
    ctx.exit(gate.exit_code)


@main.command()
@click.argument("revisions", nargs=-1)
@click.option("--server", required=True, metavar="URL", help="Server to make a scratch database on, and drop it again.")
@_history_options
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Report format.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the report to a file.")
@click.pass_context
def prove(
    ctx: click.Context,
    /,
    revisions: tuple[str, ...],
    server: str,
    format_: str,
    output: Path | None,
    **options: Any,
) -> None:
    """Run old code's statements on a real server after each change: exits 1 when one breaks, 3 when one was not run."""
    from zdmigrate.config import expand_variables
    from zdmigrate.proof import report
    from zdmigrate.proof.prove import prove_plan

    proof = prove_plan(_assemble(_request(options)), expand_variables(server), only=revisions)
    _write(output, report.text(proof) if format_ == "text" else report.render(proof))
    ctx.exit(proof.exit_code)


@main.command()
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
    from zdmigrate.assemble import history_heads
    from zdmigrate.config import find_config, load_settings
    from zdmigrate.history.load import import_metadata
    from zdmigrate.manifest import git, manifest_of

    settings = load_settings(find_config(config)).override(metadata=metadata)
    if settings.metadata is None:
        raise UsageError("say where the app's MetaData is: --metadata package.module:Base.metadata")
    sys.path.insert(0, "")
    mapped = import_metadata(settings.metadata)
    known = tuple(heads.split(",")) if heads else history_heads(settings)
    try:
        version = app_version or git("describe", "--tags", "--always", "--dirty").decode().strip()
    except UsageError as error:
        raise UsageError(f"{error}; say which version this is with --app-version") from error
    made = manifest_of(mapped, version=version, heads=known)
    target = output or settings.manifest
    if str(target) == "-":
        sys.stdout.buffer.write(made.to_json())
        return
    _write(target, made.to_json().decode())
    click.echo(f"{target}: {len(made.tables)} tables, version {made.version}, {made.digest[:12]}")


@main.command()
@click.argument("rule", required=False)
def explain(rule: str | None) -> None:
    """Print the page of a rule, e.g. `zdmigrate explain ZD201`; without a rule, the list of all."""
    from zdmigrate.report.explain import page, titles

    if rule is None:
        for name, title in titles():
            click.echo(f"{name}  {title}")
        return
    click.echo(page(rule.upper()))


def _console(stream: Any) -> Console:
    """Colour only on a terminal and never with NO_COLOR; long lines are left to the terminal."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    terminal = bool(getattr(stream, "isatty", lambda: False)())
    return Plain(file=stream, highlight=False, markup=False, emoji=False, width=None if terminal else 160)


def _print(output: Path | None, show: Callable[[Console], None]) -> None:
    if output is None:
        show(_console(sys.stdout))
        return
    try:
        with output.open("w", encoding="utf-8") as file:
            show(_console(file))
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from error


def _write(output: Path | None, text: str) -> None:
    if output is None:
        # By lines: with PYTHONUNBUFFERED one long write may end early, when the reader goes, without an error.
        sys.stdout.writelines(text.splitlines(keepends=True))
        sys.stdout.flush()
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from error


def run(arguments: Sequence[str]) -> int:
    """Run the command line with these arguments; the exit code comes back (for tests and embedding)."""
    try:
        main.main(args=list(arguments), prog_name="zdmigrate", standalone_mode=True)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    return 0
