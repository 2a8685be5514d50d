"""The command line: one command or a few of a kind in each `cli_` module, which parse, call and print.

Imports stay inside the commands so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from zdmigrate import __version__
from zdmigrate.cli_agent import health_agent
from zdmigrate.cli_apply import COMMANDS as APPLY_COMMANDS
from zdmigrate.cli_backfill import backfill
from zdmigrate.cli_check import check
from zdmigrate.cli_manifest import manifest
from zdmigrate.cli_plan import plan
from zdmigrate.cli_prove import prove
from zdmigrate.cli_release import release
from zdmigrate.cli_rollback import can_rollback
from zdmigrate.cli_run import COMMANDS
from zdmigrate.errors import ZdmigrateError

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


_ALONE = (backfill, can_rollback, check, health_agent, manifest, plan, prove, release)
for _command in (*APPLY_COMMANDS, *COMMANDS, *_ALONE):
    main.add_command(_command)


def run(arguments: Sequence[str]) -> int:
    """Run the command line with these arguments; the exit code comes back (for tests and embedding)."""
    try:
        main.main(args=list(arguments), prog_name="zdmigrate", standalone_mode=True)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    return 0
