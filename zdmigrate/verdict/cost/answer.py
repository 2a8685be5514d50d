"""What a server answered when it was asked for the cost of a statement, as a cost. Pure: who asks is `proof.oracle`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from zdmigrate.flavour import Flavour
from zdmigrate.history import syntax as s
from zdmigrate.history.recording import RecordedStatement, Refusal
from zdmigrate.verdict.cost.changes import Change, Kind, changes_of
from zdmigrate.verdict.cost.estimate import as_new_table, cost_of_part, facts_of, refused
from zdmigrate.verdict.cost.model import Algorithm, Cost, Lock, Part
from zdmigrate.verdict.types import fits


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server took.

    Attributes:
        algorithm: the cheapest it accepted; NONE with a refusal.
        lock: the weakest it accepted with that; None when it takes no LOCK there (INSTANT on MySQL).
        rebuild: the table was built anew; None when that could not be seen.
        refusal: it refuses the statement, whatever the algorithm.
    """

    algorithm: Algorithm
    lock: Lock | None = None
    rebuild: bool | None = None
    refusal: Refusal | None = None


def with_answer(
    estimated: Cost, answer: Answer, node: s.AlterTable, recorded: RecordedStatement, target: Flavour
) -> Cost:
    """The cost as the server sees it; what a server cannot be asked is kept from the estimate where both agree.

    Whether an index is read for or only forgotten cannot be seen on an empty table: without an estimate that agrees,
    it counts as read.
    """
    if answer.refusal is not None:
        return replace(refused(answer.refusal), basis="server")
    agree = estimated.algorithm == answer.algorithm and estimated.refusal is None
    lock = answer.lock or (estimated.lock if agree else "NONE")
    rebuild = answer.algorithm == "COPY" or answer.rebuild
    if rebuild is None:
        rebuild = estimated.rebuild if agree else answer.algorithm == "INPLACE"
    scans = rebuild or (estimated.scans if agree else answer.algorithm in ("NOCOPY", "INPLACE"))
    part = Part(
        answer.algorithm,
        estimated.reason.removesuffix(".") if agree else "the server says so",
        lock,
        rebuild=rebuild,
        scans=scans,
        basis="server",
        cheaper=estimated.cheaper if agree else "",
    )
    cost = cost_of_part(part, [], node, recorded, target)
    cost = as_new_table(cost) if estimated.new_table else cost
    return replace(cost, depends_on=tuple(dict.fromkeys(_depends_on(cost, node, recorded, target))))


def difference(estimated: Cost, asked: Cost) -> str:
    """`the table says INPLACE, LOCK=NONE; the server COPY, LOCK=SHARED`, or "" when both say the same."""
    if _told(estimated) == _told(asked):
        return ""
    return f"the table says {_shown(estimated)}; the server {_shown(asked)}"


def _told(cost: Cost) -> tuple[object, ...]:
    if cost.refusal is not None:
        return ("refused",)
    return cost.algorithm, cost.lock, cost.rebuild


def _shown(cost: Cost) -> str:
    if cost.refusal is not None:
        return f"refuses it ({cost.refusal.errno} {cost.refusal.message})"
    return f"{cost.algorithm}, LOCK={cost.lock}{', rebuilt' * cost.rebuild}"


def _depends_on(cost: Cost, node: s.AlterTable, recorded: RecordedStatement, target: Flavour) -> Iterator[str]:
    """What an empty table cannot tell: rows, or the past of the real one, that may change the answer."""
    table = recorded.before.table(node.name)
    if table is None:
        return
    for change in changes_of(node, facts_of(node, table, recorded)):
        match change.kind:
            case Kind.NOT_NULL:
                yield f"a row that holds NULL in {change.name} refuses it"
            case Kind.TYPE if cost.algorithm == "COPY" and not _holds_all(change):
                yield f"a value of {change.name} that does not fit the new type refuses it"
            case Kind.CONVERT:
                yield "a character the new charset does not have, or a text longer in it than its column, refuses it"
            case Kind.ADD_KEY if change.key is not None and change.key.unique:
                yield f"a duplicate in {change.name} refuses it"
            case Kind.ADD_FOREIGN_KEY if recorded.session.foreign_key_checks:
                yield f"a row without its parent in {change.name} refuses it"
            case Kind.ADD_CHECK:
                yield f"a row against {change.name} refuses it"
            case Kind.PARTITION_BY:
                yield "a row that fits no partition refuses it"
            case Kind.ADD_COLUMN | Kind.DROP_COLUMN if cost.algorithm == "INSTANT" and not target.is_mariadb:
                most = 255 if target.at_least(9, 1) else 64
                yield f"a table with {most} INSTANT changes since its last rebuild refuses INSTANT (4092)"
            case _:
                pass


def _holds_all(change: Change) -> bool:
    """Whether the column's new type holds every value of the old one."""
    return change.before is not None and change.after is not None and fits(change.before.type, change.after.type)
