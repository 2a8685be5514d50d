"""``zdsession copy``: moves live sessions between stores while both are in use."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from zdsession.copy import Copy, Fate, MassEndError
from zdsession.copy import Progress as At
from zdsession.errors import ConfigurationError, StoreUnavailableError
from zdsession.stores import Store, open_store, safe_url

_PHASES = ("copy", "ended")
#: Seconds an operation may take: nobody waits for a page.
_BUDGET = 10.0


@click.command()
@click.argument("source", metavar="FROM", envvar="ZDSESSION_FROM")
@click.argument("target", metavar="TO", envvar="ZDSESSION_TO")
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep in this file how far the pass is, and go on from there; it is removed when the pass is complete.",
)
@click.option("--workers", default=4, show_default=True, type=click.IntRange(1, 64), help="Sessions at the same time.")
@click.option("--forget", is_flag=True, help="Copy nothing; remove from TO the notes of earlier passes.")
def copy(source: str, target: str, state: Path | None, workers: int, forget: bool) -> None:
    """Copy live sessions from the store FROM to the store TO, while both are in use.

    FROM and TO are URLs of stores. Others can read a command line: leave both out and set ZDSESSION_FROM and
    ZDSESSION_TO, or write $NAME for a URL in the environment variable NAME.

    Ids, users and times are kept. Repeat it: a pass copies what changed since the last one, and what was ended in one
    of the stores does not come back from the other.
    """
    with contextlib.ExitStack() as stack:
        stores = [stack.enter_context(_store(url)) for url in (source, target)]
        names = [safe_url(_resolved(url)) for url in (source, target)]
        if _resolved(source) == _resolved(target):
            raise click.UsageError("FROM and TO are the same store")
        try:
            task = Copy(*stores, workers=workers)
        except ConfigurationError as error:
            raise click.UsageError(str(error)) from None
        try:
            if forget:
                click.echo(f"removed {task.forget()} notes from {names[1]}")
            else:
                _pass(task, names, state)
        except StoreUnavailableError as error:
            hint = "" if state is None else f"; the same command goes on from {state}"
            raise click.ClickException(f"{error}{hint}") from None
        except MassEndError as error:
            raise click.ClickException(str(error)) from None


def _pass(task: Copy, names: list[str], state: Path | None) -> None:
    started = _read(state, names)
    at = started or At()
    with _bar(task) as bar:
        for at in task.run(started):
            if state is not None:
                _write(state, names, at)
            bar(at)
    if state is not None:
        state.unlink(missing_ok=True)
    counts = dict(at.counts)
    for fate in Fate:
        if counts.get(fate.value):
            click.echo(f"{counts[fate.value]:>10,}  {fate.value}")
    if not any(counts.values()):
        click.echo("no sessions")


@contextlib.contextmanager
def _bar(task: Copy) -> Iterator[Any]:
    """Show how far it is on a terminal's standard error; nowhere else."""
    if not sys.stderr.isatty():
        yield lambda at: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        shown = progress.add_task("counting", total=None)
        progress.update(shown, total=task.count(), description="copying")

        def show(at: At) -> None:
            done = sum(n for fate, n in at.counts if fate != Fate.ENDED_IN_SOURCE.value)
            progress.update(shown, completed=done, description="copying" if at.phase == "copy" else "comparing")

        yield show


@contextlib.contextmanager
def _store(url: str) -> Iterator[Store]:
    resolved = _resolved(url)
    options: dict[str, Any] = {} if resolved.startswith("memory:") else {"budget": _BUDGET}
    try:
        store = open_store(resolved, **options)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    try:
        yield store
    finally:
        store.close()


def _resolved(url: str) -> str:
    """The URL, from the environment where it is the name of a variable: ``$NAME`` or ``${NAME}``."""
    if not url.startswith("$"):
        return url
    name = url[1:].removeprefix("{").removesuffix("}")
    try:
        return os.environ[name]
    except KeyError:
        raise click.UsageError(f"there is no environment variable {name}") from None


def _read(state: Path | None, names: list[str]) -> At | None:
    """Where an earlier run was stopped; None if there is none to go on from."""
    if state is None or not state.exists():
        return None
    try:
        kept = json.loads(state.read_text())
        at = At(kept["phase"], kept["cursor"], tuple((str(fate), int(n)) for fate, n in kept["counts"]))
        stores = kept["stores"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise click.UsageError(
            f"{state} is no state of ours ({type(error).__name__}): remove it to begin anew"
        ) from None
    if stores != names or at.phase not in _PHASES:
        raise click.UsageError(f"{state} is of a copy between other stores: name another file, or remove it")
    click.echo(f"going on from {state}", err=True)
    return at


def _write(state: Path, names: list[str], at: At) -> None:
    """Replace the state as one step, so that it is whole whenever we are stopped."""
    kept = {"stores": names, "phase": at.phase, "cursor": at.cursor, "counts": at.counts}
    beside = state.with_name(state.name + ".new")
    beside.write_text(json.dumps(kept))
    beside.replace(state)
