"""Let writes on again after a run that stopped while they were frozen: the one rule, for undo, resume and watchdog.

The old primary may be written to again only when

1. the candidate cannot become writable any more. Promotion is leased: it is one statement that does nothing after
   the deadline, by the candidate's own clock. So the candidate, asked in one statement, shows a clock a second past
   the deadline and is still read-only. Whoever cannot ask it leaves the primary frozen, unless a person vouches that
   it is switched off. Nor was it the primary meanwhile: a server that was promoted, crashed and came back read-only
   follows nobody any more or has transactions of its own, and what it acknowledged must not be left behind;
2. nobody else's run has begun meanwhile: the statement goes over the connection that holds the run's lock on the old
   primary, after the journal there was seen to say that this run has not ended. Another run begins only after this
   one was ended, and needs the lock.

Pure decision in `may_restore`; `restore_writes` carries it out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import AbortedError, LostError, ServerError
from zdmigrate.run.flavours import dialect_of
from zdmigrate.run.journal import history
from zdmigrate.run.state import Writable
from zdmigrate.run.topology import Node

#: Seconds past the deadline before anybody else may act: room for a clock that was read in the same second.
GRACE = timedelta(seconds=1)

#: What came of it: writes go on; the candidate serves; they went on already; somebody else ended the run.
Outcome = Literal["restored", "promoted", "writable already", "not ours"]


class LockHolder(Protocol):
    """Gives the connection that holds the run's lock on a node."""

    def over(self, node: Node) -> Connection:
        """See `RunLock.over`."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """What must be known of a freeze to end it.

    Attributes:
        run: the run's id in the journal.
        deadline: when the lease on promotion ends, by the candidate's clock; None when none was ever given.
        candidate_is_off: a person vouches that the candidate is switched off and stays so; it is not asked.
    """

    run: str
    old: Node
    candidate: Node
    deadline: datetime | None
    candidate_is_off: bool = False


def may_restore(
    candidate: Writable, clock: datetime, deadline: datetime | None
) -> Literal["yes", "not yet", "promoted"]:
    """Whether the old primary may be written to again."""
    if candidate is Writable.ALL:
        return "promoted"
    return "yes" if deadline is None or clock > deadline + GRACE else "not yet"


def restore_writes(
    frozen: Frozen,
    lock: LockHolder,
    seconds: float,
    *,
    said: Callable[[str], None] = lambda text: None,
    pause: float = 0.2,
) -> Outcome:
    """Wait, at most `seconds`, until the old primary may be written to again, and see to it that it is.

    Raises:
        LostError, ServerError: it could not be done in time. The primary is as it was: frozen.
    """
    end = time.monotonic() + seconds
    last = ""
    while True:
        try:
            answer = _asked(frozen, lock)
            if answer == "promoted":
                return "promoted"
            if answer == "yes":
                return let_on(frozen.run, frozen.old, lock)
            if answer == "not ours":
                return "not ours"
            problem: LostError | ServerError = LostError(frozen.candidate.name, "its lease has not ended", "promotion")
        except (LostError, ServerError) as error:
            problem = error
        if time.monotonic() > end:
            raise problem
        if str(problem) != last:  # an outage of minutes must not fill a log
            last = str(problem)
            said(last)
        time.sleep(pause)


def _asked(frozen: Frozen, lock: LockHolder) -> Literal["yes", "not yet", "promoted", "not ours"]:
    if frozen.candidate_is_off:
        return "yes"
    with Connection(frozen.candidate) as connection:
        answer = may_restore(*dialect_of(connection).writable(connection), frozen.deadline)
        if answer == "yes" and frozen.deadline is not None:
            try:
                return "promoted" if has_served(connection, lock.over(frozen.old)) else "yes"
            except AbortedError:
                return "not ours"
        return answer


def has_served(candidate: Connection, old: Connection) -> bool:
    """Whether a candidate that is read-only was the primary meanwhile: it follows nobody any more, or has transactions
    that the (frozen) old primary lacks. A server that was restarted comes back as it was configured: a replica."""
    dialect = dialect_of(candidate)
    return not dialect.replica_rows(candidate) or bool(dialect.errant(candidate, old))


def let_on(run: str, old: Node, lock: LockHolder) -> Outcome:
    """Let everybody write to the old primary, if the run is ours to end still (rule 2 alone; rule 1 is the caller's).

    Raises:
        LostError, ServerError: it could not be done, or nobody knows whether it was.
    """
    try:
        connection = lock.over(old)
    except AbortedError:
        return "not ours"
    if not any(entry.id == run and entry.state == "running" for entry in history(connection)):
        return "not ours"
    dialect = dialect_of(connection)
    was = dialect.writable(connection)[0]
    dialect.unfreeze(connection)
    dialect.persist(connection, writable=True)
    if dialect.writable(connection)[0] is not Writable.ALL:
        raise LostError(old.name, "it is still read-only", "SET GLOBAL read_only = OFF")
    return "writable already" if was is Writable.ALL else "restored"
