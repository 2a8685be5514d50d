"""What a run that stopped had sent of a revision, and which statement of a second upgrade() is which of them. Pure.

upgrade() runs again from its beginning when a run goes on. A statement whose hash the journal has is that statement:
it is not sent twice, however often and in whatever order its kind was sent. One that the journal does not have is new,
and whether it may be sent depends on what it would mean twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from zdmigrate.history import syntax as s
from zdmigrate.run.journal import StatementEntry


class Earlier:
    """The statements of one revision that the journal has; each is taken once.

    Attributes:
        again: how many of them upgrade() has asked for again.
    """

    def __init__(self, revision: str, entries: Iterable[StatementEntry]) -> None:
        self._revision = revision
        mine = [item for item in entries if statement_of_upgrade(item.item, revision)]
        mine.sort(key=lambda item: _number(item.item))
        self._waiting: dict[str, deque[StatementEntry]] = {}
        for item in mine:
            self._waiting.setdefault(item.sha256, deque()).append(item)
        self._next = _number(mine[-1].item) + 1 if mine else 0
        self.again = 0

    def take(self, sha256: str) -> StatementEntry | None:
        """The statement with that hash, done or begun, that was not taken yet; the oldest one."""
        waiting = self._waiting.get(sha256)
        if not waiting:
            return None
        self.again += 1
        return waiting.popleft()

    def new_item(self) -> str:
        """The name of a statement that was not sent before."""
        self._next += 1
        return f"{self._revision}:{self._next - 1}"

    def not_taken(self) -> list[StatementEntry]:
        """What upgrade() has not asked for again, in the order it was sent."""
        left = [item for waiting in self._waiting.values() for item in waiting]
        return sorted(left, key=lambda item: _number(item.item))

    def done_on(self, verb: str, table: str) -> list[StatementEntry]:
        """Those of them that are done, and were sent to a table with that verb."""
        return [item for item in self.not_taken() if item.state == "done" and _is(item.shown, verb, table)]


def statement_of_upgrade(item: str, revision: str) -> bool:
    """Whether that is the name of a statement of this revision; its queries have other names."""
    return item.rpartition(":")[0] == revision and _number(item) >= 0


def means_the_same_twice(node: s.Node) -> bool:
    """Whether a statement of DML that differs from what was sent may be sent besides, without a look.

    UPDATE to values that do not come from what it changes, and DELETE, leave the rows they find in one state, however
    often they run; INSERT, and UPDATE that adds to what is there, do not.
    """
    match node:
        case s.Delete():
            return True
        case s.Update(assignments=assignments):
            written = {item.column.lower() for item in assignments}
            return all(name.lower().rpartition(".")[2] not in written for item in assignments for name in item.reads)
        case _:
            return False


def _number(item: str) -> int:
    text = item.rpartition(":")[2]
    return int(text) if text.isdigit() else -1


def _is(shown: str, verb: str, table: str) -> bool:
    words = shown.partition("(")[0].replace("`", " ").replace(".", " ").upper().split()
    return words[:1] == [verb] and table.rpartition(".")[2].upper() in words
