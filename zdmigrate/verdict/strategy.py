"""How to carry a statement out: directly, in batches, on the replica first, or not like this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zdmigrate.history import syntax as s
from zdmigrate.verdict.cost.model import Cost
from zdmigrate.verdict.replication import ReplicationClass

Name = Literal["direct", "batches", "replica-first", "refuse"]

#: A table of at most this many rows and bytes is small: rebuilding it takes about a second, a pause nobody notices.
SMALL_ROWS = 100_000
SMALL_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Strategy:
    """What `apply` does with a statement, and why."""

    name: Name
    reason: str


def choose(
    cost: Cost,
    replication: ReplicationClass,
    node: s.Node,
    rows: int | None = None,
    size: int | None = None,
    has_replica: bool | None = None,
) -> Strategy:
    """The strategy for one statement.

    Args:
        rows, size: the table's rows and bytes, None when nobody looked.
        has_replica: False when there is none to switch to; None when nobody looked.
    """
    if cost.refusal is not None:
        return Strategy("refuse", f"The server would refuse it: {cost.refusal.errno} {cost.refusal.message}")
    if cost.new_table:
        return Strategy("direct", "The table was created in this release and is empty.")
    small = is_small(rows, size)
    if isinstance(node, s.Update | s.Delete):
        if small:
            return Strategy("direct", f"The table is small ({_seen(rows, size)}).")
        return Strategy("batches", f"{_assumption(small, rows, size)}One statement would lock every row it examines.")
    if cost.algorithm in ("NONE", "DML"):
        return Strategy("direct", "No table is rebuilt.")
    if cost.algorithm == "INSTANT":
        return Strategy("direct", "INSTANT: only a metadata lock for a moment; never worth a switchover.")
    if not (cost.rebuild or cost.scans):
        return Strategy("direct", f"{cost.algorithm} without touching rows: only a metadata lock for a moment.")
    if small:
        return Strategy("direct", f"The table is small ({_seen(rows, size)}): {cost.algorithm} takes about a second.")
    return _of_heavy(cost, replication, _assumption(small, rows, size), has_replica)


def is_small(rows: int | None, size: int | None) -> bool | None:
    """Whether a table is small enough for anything; None when nobody looked."""
    if rows is None and size is None:
        return None
    return (rows or 0) <= SMALL_ROWS and (size or 0) <= SMALL_BYTES


def _of_heavy(cost: Cost, replication: ReplicationClass, assumption: str, has_replica: bool | None) -> Strategy:
    lag = "replicas stall for as long as it runs"
    who = f"writers are blocked for the whole {cost.algorithm}" if cost.blocks_writes else lag
    rewrite = " ".join(text for text in (replication.rewrite, cost.cheaper) if text)
    if replication.cls in ("A", "B", "C") and has_replica is not False:
        condition = " after its proof" if replication.cls == "C" else ""
        unseen = " if there is a replica" if has_replica is None else ""
        return Strategy(
            "replica-first",
            f"{assumption}Run directly, {who}; class {replication.cls} may run replica-first{condition}{unseen}.",
        )
    why = "there is no replica to run it on first" if has_replica is False else "it may not run replica-first"
    if replication.cls == "D":
        why = f"it may not run replica-first (class D: {replication.reason})"
    if cost.blocks_writes:
        return Strategy("refuse", f"{assumption}{who[:1].upper()}{who[1:]}, and {why}. {rewrite}".rstrip())
    if has_replica is False:
        return Strategy("direct", f"{assumption}{cost.algorithm} lets writers go on, and there is no replica to stall.")
    return Strategy(
        "direct", f"{assumption}{cost.algorithm} lets writers go on, but {lag}, and {why}. {rewrite}".rstrip()
    )


def _assumption(small: bool | None, rows: int | None, size: int | None) -> str:
    if small is None:
        return "The table's size is not known (give --url), so it is taken to be big. "
    return f"The table is big ({_seen(rows, size)}). "


def _seen(rows: int | None, size: int | None) -> str:
    seen = []
    if rows is not None:
        seen.append(f"{rows:,} rows")
    if size is not None:
        seen.append(f"{size / 1024 / 1024:,.0f} MB")
    return ", ".join(seen)
