"""Where commands print: standard output or a file, colour only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zdmigrate.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


def console(stream: Any) -> Console:
    """Colour only on a terminal and never with NO_COLOR; long lines are left to the terminal."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    terminal = bool(getattr(stream, "isatty", lambda: False)())
    return Plain(file=stream, highlight=False, markup=False, emoji=False, width=None if terminal else 160)


def print_to(output: Path | None, show: Callable[[Console], None]) -> None:
    """Show something in a file, or on standard output.

    Raises:
        UsageError: the file cannot be written.
    """
    if output is None:
        show(console(sys.stdout))
        return
    try:
        with output.open("w", encoding="utf-8") as file:
            show(console(file))
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from error


def write_to(output: Path | None, text: str) -> None:
    """Write text to a file, or to standard output.

    Raises:
        UsageError: the file cannot be written.
    """
    if output is None:
        # By lines: with PYTHONUNBUFFERED one long write may end early, when the reader goes, without an error.
        sys.stdout.writelines(text.splitlines(keepends=True))
        sys.stdout.flush()
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from error


def say(text: str) -> None:
    """A sentence on standard error."""
    click.echo(f"zdmigrate: {text}", err=True)
