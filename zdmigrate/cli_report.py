"""What commands that run something share: the option `--report`, writing the report, one line of live progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from zdmigrate.run.record import REPORT_VARIABLE

if TYPE_CHECKING:
    from zdmigrate.run.record import RunRecord
    from zdmigrate.run.steps import Listener, Timing

#: Seconds between two lines of progress where there is no terminal.
_LOG_SECONDS = 30.0
#: Seconds between two states of the line on a terminal.
_TERMINAL_SECONDS = 0.2

report_option = click.option(
    "--report",
    "report_folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    envvar=REPORT_VARIABLE,
    help="Write the report of the run there, as JSON and HTML (default: ~/.local/state/zdmigrate/reports).",
)


class Recording(Protocol):
    """Listens to a run."""

    @property
    def reports(self) -> Path | None:
        """Where runs that were part of this one left their reports; None when there are none."""

    def end(self, error: BaseException | None = None) -> RunRecord | None:
        """The run ended, with `error` or well; its record, None when it never began."""


_heard: ContextVar[list[str] | None] = ContextVar("_heard", default=None)


@contextmanager
def hearing() -> Iterator[list[str]]:
    """The value gets what commands say that are called inside and do not end well: a refusal leaves no report."""
    heard: list[str] = []
    before = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(before)


@contextmanager
def reported(recorder: Recording, folder: Path | None) -> Iterator[None]:
    """Write the report of what runs inside, however it ends; nothing when no run began.

    A report that cannot be written is told and changes nothing about how the run ended.
    """
    from zdmigrate.run.errors import RefusedError

    try:
        yield
    except BaseException as error:
        heard = _heard.get()
        if heard is not None:
            heard.append(str(error))
        record = recorder.end(error)
        untouched = isinstance(error, RefusedError) and not (record and record.statements)
        if not untouched:
            _write(record, recorder.reports, folder)
        raise
    _write(recorder.end(), recorder.reports, folder)


def _write(record: RunRecord | None, parts: Path | None, folder: Path | None) -> None:
    from zdmigrate.report import run_html, run_json
    from zdmigrate.report.run_document import document
    from zdmigrate.report.run_parts import read_parts
    from zdmigrate.run.runs import state_folder

    if record is None:
        return
    folder = folder or state_folder() / "reports"
    made = document(record, read_parts(parts, record.began) if parts else ())
    name = f"{record.began:%Y%m%dT%H%M%SZ}-{record.kind}-{record.run}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for ending, text in (("json", run_json.render(made)), ("html", run_html.render(made))):
            (folder / f"{name}.{ending}").write_text(text, encoding="utf-8")
    except OSError as error:
        click.echo(f"zdmigrate: the report was not written: {error}; --report FOLDER names another folder", err=True)
        return
    click.echo(f"report: {folder / name}.html (and .json)")


#: Options whose value may hold a password.
_SECRET = frozenset({"--url", "--fleet"})


def given(ctx: click.Context) -> list[str]:
    """The options of this call as they can be shown: a URL with a password in it is not."""
    found: list[str] = []
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if ctx.get_parameter_source(name) is not click.core.ParameterSource.COMMANDLINE or name in ("yes", "dry_run"):
            continue
        value, flag = ctx.params[name], max(parameter.opts, key=len)
        if value is True:
            found.append(flag)
            continue
        for item in value if isinstance(value, tuple) else (value,):
            named = [flag] if isinstance(parameter, click.Option) else []
            found += [*named, _hidden(flag, str(item)) if flag in _SECRET else str(item)]
    return found


def _hidden(flag: str, url: str) -> str:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    from zdsession.stores import safe_url

    if "${" in url:
        return url
    if flag == "--fleet":
        return safe_url(url)
    try:
        return make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "URL"


def both(first: Listener, second: Listener) -> Listener:
    """A listener that tells two."""

    def listen(timing: Timing) -> None:
        first(timing)
        second(timing)

    return listen


class ProgressLine:
    """What goes on just now, on standard error: over one line on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = time.monotonic()
        self._shown = False

    def __call__(self, text: str) -> None:
        """Show it, unless something was shown just before."""
        now = time.monotonic()
        if now - self._last < (_TERMINAL_SECONDS if self._terminal else _LOG_SECONDS):
            return
        self._last = now
        if self._terminal:
            click.echo("\r\033[K" + text, nl=False, err=True)
            self._shown = True
        else:
            click.echo(f"  ..  {text}", err=True)

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self._shown:
            click.echo("\r\033[K", nl=False, err=True)
            self._shown = False

    def before(self, listener: Listener) -> Listener:
        """The listener, on lines of its own."""

        def listen(timing: Timing) -> None:
            self.clear()
            listener(timing)

        return listen


#: Told in words what goes on.
Progress = Callable[[str], None]
