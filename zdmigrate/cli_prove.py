"""`zdmigrate prove`: run old code on a real server after each change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zdmigrate.cli_history import assembled, history_options, requested, server_options
from zdmigrate.cli_output import say, write_to
from zdmigrate.errors import UsageError

if TYPE_CHECKING:
    from zdmigrate.assemble import Request
    from zdmigrate.proof.old_tests import OldTests
    from zdmigrate.proof.prove import Proof


@click.command()
@click.argument("revisions", nargs=-1)
@server_options
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
@history_options
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
    request = requested({**options, "server": server})
    proof = command.run(
        lambda flavour: assembled(request if flavour is None else _for_target(request, str(flavour))),
        command.Asked(server, server_binary, workload, new_code, new, tests, revisions),
        request.settings,
        say=say,
        more=lambda found, url: found if rows is None else _with_rows(found, url, rows),
    )
    write_to(output, report.text(proof) if format_ == "text" else report.render(proof))
    ctx.exit(proof.exit_code)


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


def _with_rows(proof: Proof, url: str, rows: int) -> Proof:
    """The proof with who waits, and how long, over tables of so many rows."""
    from zdmigrate.proof.concurrency import measure
    from zdmigrate.report.progress import progress_bar

    with progress_bar("making rows") as step:
        return measure(proof, url, rows, progress=step)
