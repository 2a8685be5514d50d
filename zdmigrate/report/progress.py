"""Progress bars on standard error for what takes long; silent unless that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Step = Callable[[int, int], None]

#: Histories shorter than this are over before a bar could be read.
_WORTH_A_BAR = 50


def replay_progress() -> AbstractContextManager[Step]:
    """A bar over the revisions of a long history; yields `step(done, total)`."""
    return progress_bar("replaying", worth=_WORTH_A_BAR)


@contextmanager
def progress_bar(label: str, *, worth: int = 1) -> Iterator[Step]:
    """Yields `step(done, total)`; totals under `worth` show nothing."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=None, visible=False)

        def step(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, visible=total >= worth)

        yield step
