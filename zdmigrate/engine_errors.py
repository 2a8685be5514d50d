"""Errors of `zdmigrate.engine`, and what a server's error number says about who is primary.

Numbers: MySQL 9.7 and MariaDB 10.11 error references; seen in switchovers by tests/test_engine.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import sqlalchemy.exc

from zdmigrate.errors import ZdmigrateError

#: The server ran nothing of the statement because of an option, which its text names, or because it is read-only.
_OPTION_PREVENTS, _READ_ONLY_MODE = 1290, 1836
#: May come from a switch or from the app itself (a READ ONLY transaction, a killed query): ask the server.
_SUSPICIOUS = frozenset({1317, 1792})
#: The transaction stood in the way of others: victim of a deadlock (1213), a row changed since it began (1020, MariaDB
#: with innodb_snapshot_isolation), a table was altered since it began (1412).
_IN_THE_WAY = frozenset({1020, 1213, 1412})
#: The connection is of no use any more; these are not among those SQLAlchemy's own dialects know.
_ENDED = frozenset({1053, 1927, 3169})
#: Ours to mend, not the server's to get over: waiting would not help.
_REFUSED = frozenset({1044, 1045, 1049, 1130, 1251, 1698, 2059})


class NoPrimaryError(ZdmigrateError, sqlalchemy.exc.TimeoutError):
    """No node was writable within the budget.

    Attributes:
        budget: seconds it was waited.
        said: what each node said last, one sentence each.
    """

    def __init__(self, budget: float, said: Sequence[str]) -> None:
        super().__init__(
            f"no database node was writable within {budget:g} s ({'; '.join(said)}); "
            "`zdmigrate status` shows whether a switchover is under way"
        )
        self.budget = budget
        self.said = tuple(said)


class TwoPrimariesError(ZdmigrateError, sqlalchemy.exc.InvalidRequestError):
    """More than one node is writable: whatever is written now may be lost, so no connection is given out.

    Attributes:
        nodes: the writable ones, as host:port.
    """

    def __init__(self, nodes: Sequence[str]) -> None:
        super().__init__(
            f"{' and '.join(nodes)} are both writable; nothing is written until one of them is read-only: find out "
            "which one the others follow, and `SET GLOBAL read_only = ON` on the other"
        )
        self.nodes = tuple(nodes)


class CommitUnknownError(ZdmigrateError, sqlalchemy.exc.SQLAlchemyError):
    """The connection was lost after COMMIT had been sent: the transaction is there or it is not, nobody said.

    Attributes:
        node: where it was sent, as host:port.
    """

    def __init__(self, node: str) -> None:
        super().__init__(
            f"the connection to {node} was lost while it committed, so the transaction may have taken effect or not; "
            "look before repeating it, or pass `committed=` (a function that looks) or `idempotent=True` to retrying()"
        )
        self.node = node


def errno_of(error: BaseException | None) -> int:
    """The error number of a driver's exception, 0 when it has none."""
    number = getattr(error, "errno", None)
    if number is None and error is not None and error.args:
        number = error.args[0]
    return number if isinstance(number, int) else 0


def is_read_only(error: BaseException | None) -> bool:
    """Whether the server refused because it is read-only; then nothing of the statement took effect."""
    number = errno_of(error)
    if number == _OPTION_PREVENTS:
        return re.search(r"read[-_]only", str(error)) is not None
    return number == _READ_ONLY_MODE


def is_ended(error: BaseException | None) -> bool:
    """Whether the server ends, or has ended, this connection."""
    return errno_of(error) in _ENDED


def is_in_the_way(error: BaseException | None) -> bool:
    """Whether the server refused for the sake of others; the whole transaction may succeed when it is begun again."""
    return errno_of(error) in _IN_THE_WAY


def is_suspicious(error: BaseException | None) -> bool:
    """Whether the server has to be asked if it is read-only by now."""
    return errno_of(error) in _SUSPICIOUS


def is_refused(error: BaseException | None) -> bool:
    """Whether the node refuses our account, host or database."""
    return errno_of(error) in _REFUSED


def text_of(error: BaseException) -> str:
    """A driver's exception in a few words."""
    text = str(error.args[-1]) if error.args else ""
    number = errno_of(error)
    return " ".join([*([str(number)] if number else []), text or type(error).__name__])
