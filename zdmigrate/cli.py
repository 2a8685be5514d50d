"""The command line: parse, call, print. Imports stay inside the commands so that `--help` answers at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zdmigrate import __version__
from zdmigrate.cli_agent import health_agent
from zdmigrate.cli_apply import COMMANDS as APPLY_COMMANDS
from zdmigrate.cli_backfill import backfill
from zdmigrate.cli_fleet import NAMES as FLEET_OPTIONS
from zdmigrate.cli_fleet import fleet_options, opened_fleet, with_fleet
from zdmigrate.cli_release import release
from zdmigrate.cli_rollback import can_rollback
from zdmigrate.cli_run import COMMANDS
from zdmigrate.errors import UsageError, ZdmigrateError

if TYPE_CHECKING:
    from rich.console import Console

    from zdmigrate.assemble import Request
    from zdmigrate.plan import Plan
    from zdmigrate.proof.old_tests import OldTests
    from zdmigrate.proof.prove import Proof

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


def _server_options(command: Command) -> Command:
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


def _asks_fleet(request: Request, fleet: dict[str, Any]) -> Request:
    """The request with what the live fleet says, when one is named; `fleet` are the command's options about it."""
    from dataclasses import replace

    settings = with_fleet(request.settings, fleet)
    with opened_fleet(settings) as found:
        return replace(request, settings=settings, fleet=None if found is None else found.read())


def _assemble(request: Request) -> Plan:
    from zdmigrate.assemble import assemble
    from zdmigrate.report.progress import replay_progress

    with replay_progress() as step:
        return assemble(request, progress=step)


def _old_tests(options: dict[str, Any]) -> OldTests | None:
    from zdmigrate.proof.old_tests import OldTests

    ref: str | None = options["old_ref"]
    if (options["old_tests"] is None) != (ref is None):
        raise UsageError("--old-tests COMMAND and --old-ref git:REF belong together; give both")
    if ref is None:
        return None
    return OldTests(
        options["old_tests"],
        ref.removeprefix("git:"),
        python=options["old_python"],
        install=options["old_install"],
        variable=options["old_tests_env"],
        at=options["old_tests_at"],
        seconds=options["old_tests_timeout"],
    )


def _for_target(request: Request, target: str) -> Request:
    from dataclasses import replace

    return replace(request, settings=request.settings.override(target=target))


def _say(text: str) -> None:
    click.echo(f"zdmigrate: {text}", err=True)


def _with_rows(proof: Proof, url: str, rows: int) -> Proof:
    """The proof with who waits, and how long, over tables of so many rows."""
    from zdmigrate.proof.concurrency import measure
    from zdmigrate.report.progress import progress_bar

    with progress_bar("making rows") as step:
        return measure(proof, url, rows, progress=step)


def _asked(request: Request, server: str | None, binary: Path | None) -> Plan:
    """The plan with the costs of that server, or of one started for it; without a target it is judged for that one."""
    from contextlib import ExitStack
    from dataclasses import replace

    from zdmigrate.config import expand_variables
    from zdmigrate.flavour import DEFAULT_TARGET
    from zdmigrate.proof.oracle import ask_plan, server_flavour
    from zdmigrate.proof.servers import throwaway
    from zdmigrate.report.progress import progress_bar

    settings = request.settings
    made = _assemble(request) if settings.target is not None or settings.url is not None else None
    with ExitStack() as stack:
        if server is not None:
            url = expand_variables(server)
        else:
            wanted = made.target if made is not None else DEFAULT_TARGET
            url = stack.enter_context(throwaway(wanted, binary=binary, say=lambda text: click.echo(text, err=True))).url
        if made is None:
            made = _assemble(replace(request, settings=settings.override(target=str(server_flavour(url)))))
        with progress_bar("asking the server", worth=20) as step:
            return ask_plan(made, url, progress=step)


@main.command()
@_history_options
@fleet_options
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown"]), default="text", help="Report format."
)
@click.option("--output", type=click.Path(path_type=Path), help="Write the report to a file.")
@click.option("--remedies", is_flag=True, help="Print the recipe under every change that needs one.")
@click.option("--throwaway", is_flag=True, help="Ask a server what each change costs: one started and removed again.")
@click.option("--server", metavar="URL", help="Ask this server instead, in a scratch database that is dropped again.")
@click.option("--server-binary", type=click.Path(path_type=Path), help="Start this mysqld or mariadbd for --throwaway.")
def plan(
    format_: str,
    output: Path | None,
    remedies: bool,
    throwaway: bool,
    server: str | None,
    server_binary: Path | None,
    **options: Any,
) -> None:
    """Show every pending change: verdict, phase, cost, strategy. Always exits 0 when it could be made."""
    fleet = {name: options.pop(name) for name in FLEET_OPTIONS}
    request = _asks_fleet(_request({**options, "server": server}), fleet)
    ask = throwaway or server is not None or server_binary is not None
    made = _asked(request, server, server_binary) if ask else _assemble(request)
    if format_ == "text":
        from zdmigrate.report.text import print_plan

        _print(output, lambda console: print_plan(console, made, remedies=remedies))
        return
    from zdmigrate.report import json, markdown

    _write(output, json.render(made) if format_ == "json" else markdown.render(made))


@main.command()
@_history_options
@fleet_options
@click.option("--since", metavar="REV|git:REF", help="Judge only revisions after REV, or not in git commit REF.")
@click.option("--fail-on", type=click.Choice(["unsafe", "conditional"]), help="What fails the gate (default: unsafe).")
@click.option("--strict/--no-strict", default=True, help="Whether what cannot be judged fails the gate (exit 3).")
@click.option("--baseline", type=click.Path(path_type=Path), help="Accept the findings in this file.")
@click.option(
    "--write-baseline", type=click.Path(path_type=Path), help="Write what is found now as accepted, and exit 0."
)
@click.option("--prove", "proved", is_flag=True, help="Also run old code on a server (see prove): what breaks fails.")
@_server_options
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
    proved: bool,
    server: str | None,
    server_binary: Path | None,
    workload: tuple[Path, ...],
    format_: str,
    output: Path | None,
    **options: Any,
) -> None:
    """The gate for CI: exits 1 on an unsafe change outside a declared contract, 3 on what cannot be judged."""
    from datetime import UTC, datetime

    from zdmigrate.gate import run_gate
    from zdmigrate.verdict.model import Verdict
    from zdmigrate.waivers import apply_waivers

    fleet = {name: options.pop(name) for name in FLEET_OPTIONS}
    request = _asks_fleet(_request({**options, "server": server}, since=since), fleet)
    if not proved and (server is not None or server_binary is not None or workload):
        raise UsageError("--server, --server-binary and --workload are for --prove; add it")
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
    proof = None
    if proved:
        from zdmigrate.proof import command
        from zdmigrate.proof import report as proof_report
        from zdmigrate.proof.gate import with_proof

        asked = command.Asked(server, server_binary, workload)
        # Judged above: for that target the proof says on which server it ran.
        proof = command.run(lambda _: made, asked, request.settings, say=_say)
        gate = with_proof(gate, proof, strict=strict)
    if format_ == "text":
        from zdmigrate.report.text import print_gate

        def show(console: Console) -> None:
            if proof is not None:
                console.file.write(proof_report.text(proof) + "\n")
            print_gate(console, made, gate, tuple(problems))

        _print(output, show)
    elif format_ == "json" and proof is not None:
        from zdmigrate.report import json

        document = json.document(made, gate, tuple(problems))
        _write(output, proof_report.pretty({**document, "proof": proof_report.document(proof)}))
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
@_server_options
@click.option(
    "--new-code", is_flag=True, help="Also run new code (of the schema after the last change) before each change."
)
@click.option("--new", metavar="FILE|git:REF", help="Manifest of the new version, for --new-code.")
@click.option("--old-tests", metavar="COMMAND", help="Also run the old version's tests, on the schema so far.")
@click.option("--old-ref", metavar="git:REF", help="The commit that holds the old version, for --old-tests.")
@click.option(
    "--old-python", type=click.Path(path_type=Path), help="Interpreter with what it needs (default: one is made)."
)
@click.option("--old-install", metavar="COMMAND", help="Fills the interpreter that is made (default: pip install).")
@click.option(
    "--old-tests-env", metavar="NAME", default="DATABASE_URL", help="Variable that gets the database (DATABASE_URL)."
)
@click.option(
    "--old-tests-at", type=click.Choice(["each", "end"]), default="each", help="After each revision, or the last."
)
@click.option(
    "--old-tests-timeout", type=click.FloatRange(min=1), default=600.0, help="Seconds one run may take (600)."
)
@click.option(
    "--rows",
    type=click.IntRange(1, 100_000_000),
    help="Also fill each changed table with so many rows, and say how long a writer and a reader wait.",
)
@_history_options
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Report format.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the report to a file.")
@click.pass_context
def prove(
    ctx: click.Context,
    /,
    revisions: tuple[str, ...],
    server: str | None,
    server_binary: Path | None,
    workload: tuple[Path, ...],
    new_code: bool,
    new: str | None,
    rows: int | None,
    format_: str,
    output: Path | None,
    **options: Any,
) -> None:
    """Run old code's statements on a real server after each change: exits 1 when one breaks, 3 when one was not run."""
    from zdmigrate.proof import command, report

    tests = _old_tests({name: options.pop(name) for name in list(options) if name.startswith("old_")})
    request = _request({**options, "server": server})
    proof = command.run(
        lambda flavour: _assemble(request if flavour is None else _for_target(request, str(flavour))),
        command.Asked(server, server_binary, workload, new_code, new, tests, revisions),
        request.settings,
        say=_say,
        more=lambda found, url: found if rows is None else _with_rows(found, url, rows),
    )
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


for _command in (*APPLY_COMMANDS, *COMMANDS, backfill, can_rollback, health_agent, release):
    main.add_command(_command)


def run(arguments: Sequence[str]) -> int:
    """Run the command line with these arguments; the exit code comes back (for tests and embedding)."""
    try:
        main.main(args=list(arguments), prog_name="zdmigrate", standalone_mode=True)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    return 0
