"""Let writes on again after a run that stopped while they were frozen: the one rule, for resume and watchdog.

The old primary may be written to again only when the candidate cannot become writable any more. Promotion is leased:
it is one statement that does nothing after the deadline, by the candidate's own clock. So: the candidate, asked in
one statement, shows a clock a second past the deadline and is still read-only. Whoever cannot ask it leaves the
primary frozen. Pure decision here; `restore_writes` carries it out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import LostError, ServerError
from zdmigrate.run.flavours import dialect_of
from zdmigrate.run.state import Writable
from zdmigrate.run.topology import Node

#: Seconds past the deadline before anybody else may act: room for a clock that was read in the same second.
GRACE = timedelta(seconds=1)

Outcome = Literal["restored", "promoted", "writable already"]


@dataclass(frozen=True, slots=True)
class Frozen:
    """What must be known of a freeze to end it.

    Attributes:
        deadline: when the lease on promotion ends, by the candidate's clock; None when none was ever given.
    """

    old: Node
    candidate: Node
    deadline: datetime | None


def may_restore(
    candidate: Writable, clock: datetime, deadline: datetime | None
) -> Literal["yes", "not yet", "promoted"]:
    """Whether the old primary may be written to again."""
    if candidate is Writable.ALL:
        return "promoted"
    return "yes" if deadline is None or clock > deadline + GRACE else "not yet"


def restore_writes(
    frozen: Frozen, seconds: float, *, said: Callable[[str], None] = lambda text: None, pause: float = 0.2
) -> Outcome:
    """Wait, at most `seconds`, until the old primary may be written to again, and see to it that it is.

    Raises:
        LostError, ServerError: it could not be done in time. The primary is as it was: frozen.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            with Connection(frozen.candidate) as connection:
                answer = may_restore(*dialect_of(connection).writable(connection), frozen.deadline)
            if answer == "promoted":
                return "promoted"
            if answer == "yes":
                return _let_on(frozen.old)
            problem: LostError | ServerError = LostError(frozen.candidate.name, "its lease has not ended", "promotion")
        except (LostError, ServerError) as error:
            problem = error
        if time.monotonic() > end:
            raise problem
        said(str(problem))
        time.sleep(pause)


def _let_on(old: Node) -> Outcome:
    with Connection(old) as connection:
        dialect = dialect_of(connection)
        was = dialect.writable(connection)[0]
        dialect.persist(connection, writable=True)
        dialect.unfreeze(connection)
        now = dialect.writable(connection)[0]
    if now is not Writable.ALL:
        raise LostError(old.name, "it is still read-only", "SET GLOBAL read_only = OFF")
    return "writable already" if was is Writable.ALL else "restored"
