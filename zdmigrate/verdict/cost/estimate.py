"""What one recorded statement costs the server, from its tree and the catalogs around it. Pure."""

from __future__ import annotations

from dataclasses import replace

from zdmigrate.flavour import Flavour
from zdmigrate.history import syntax as s
from zdmigrate.history.catalog import Catalog, Table
from zdmigrate.history.recording import RecordedStatement, Refusal
from zdmigrate.verdict.cost import mariadb, mysql
from zdmigrate.verdict.cost.changes import Change, Kind, TableFacts, changes_of, referenced_columns
from zdmigrate.verdict.cost.clause import takes_clause
from zdmigrate.verdict.cost.model import ALGORITHMS, LOCKS, Algorithm, Cost, Lock, Part
from zdmigrate.verdict.cost.others import cost_of_other

_METADATA_LOCK = "Nobody for long: only a metadata lock for a moment, which queues behind open transactions."


def estimate(recorded: RecordedStatement, target: Flavour, base: Catalog | None = None) -> Cost:
    """What the server does for `recorded`, and who waits.

    Args:
        target: the server.
        base: the schema before the release; a table that is not in it was created in this release, is empty and
            costs nothing.
    """
    if recorded.refusal is not None:
        return refused(recorded.refusal)
    node = recorded.statement.node
    if isinstance(node, s.CallRoutine) and node.carried_out:
        inner = replace(recorded, statement=replace(recorded.statement, node=node.carried_out[0]))
        return estimate(inner, target, base)
    if not isinstance(node, s.AlterTable):
        return cost_of_other(node, recorded, target, base)
    table = recorded.before.table(node.name)
    if table is None:
        return _unseen(node, recorded, target)
    found = _of_alter(node, table, recorded, target)
    if base is not None and table.complete and base.table_by_uid(table.uid) is None:
        return as_new_table(found)
    return found


def refused(refusal: Refusal) -> Cost:
    """The cost of a statement the server would not carry out."""
    return Cost("NONE", reason=f"The server refuses it: {refusal.errno} {refusal.message}", refusal=refusal)


def as_new_table(cost: Cost) -> Cost:
    """The same on a table that was created in this release: nobody uses it and it has no rows."""
    if cost.refusal is not None:
        return cost
    waits = "Nobody: the table was created in this release and is empty."
    return replace(cost, new_table=True, waits=waits, cheaper="", blocks_writes=False)


def _unseen(node: s.AlterTable, recorded: RecordedStatement, target: Flavour) -> Cost:
    if recorded.before.complete:
        return refused(Refusal(1146, f"Table '{node.name}' doesn't exist"))
    part = Part("COPY", "the table's definition was never seen", "SHARED", True, scans=True, basis="assumed")
    return cost_of_part(part, [], node, recorded, target)


def _of_alter(node: s.AlterTable, table: Table, recorded: RecordedStatement, target: Flavour) -> Cost:
    facts = facts_of(node, table, recorded)
    server = mariadb if target.is_mariadb else mysql
    changes = changes_of(node, facts)
    if not changes:
        changes = [Change(Kind.COLUMN_METADATA)]
    parts = [server.part(change, facts, target) for change in changes]
    for part in parts:
        if part.refusal is not None:
            return refused(part.refusal)
    combined = server.combine(changes, parts, facts, target)
    if not table.complete:
        combined = replace(combined, basis="assumed")
    requested = _requested(node, recorded, target)
    if requested is not None:
        answer = _as_requested(requested, combined, parts, target)
        if isinstance(answer, Refusal):
            return refused(answer)
        combined = answer
    if node.lock in LOCKS:
        answer = _with_lock(node.lock, combined, node, target)
        if isinstance(answer, Refusal):
            return refused(answer)
        combined = answer
    return cost_of_part(combined, changes, node, recorded, target)


def facts_of(node: s.AlterTable, table: Table, recorded: RecordedStatement) -> TableFacts:
    """What the servers look at beside the changes, `table` being the one the statement names."""
    now = recorded.after.table_by_uid(table.uid)
    return TableFacts(
        before=table,
        after=table if now is None else now[1],
        strict=recorded.session.strict,
        foreign_key_checks=recorded.session.foreign_key_checks,
        variables=recorded.session.variables,
        referenced=referenced_columns(recorded.before, node.name),
        temporary=node.name in recorded.before.temporary,
        converts=any(isinstance(action, s.ConvertCharset) for action in node.actions),
        text=recorded.statement.sql.strip().lower(),
    )


def _requested(node: s.AlterTable, recorded: RecordedStatement, target: Flavour) -> str | None:
    """The algorithm asked for, by the statement or by the session; None for the server's own choice."""
    asked = (node.algorithm or "DEFAULT").upper()
    if asked != "DEFAULT":
        return asked
    variables = dict(recorded.session.variables)
    if variables.get("old_alter_table", "").upper() in ("1", "ON", "TRUE", "COPY"):
        return "COPY"
    if target.is_mariadb and not target.at_least(11, 5):
        asked = variables.get("alter_algorithm", "DEFAULT").strip("'\"").upper()
        return asked if asked in ALGORITHMS else None
    return None


def _as_requested(asked: str, part: Part, parts: list[Part], target: Flavour) -> Part | Refusal:
    known = ("INSTANT", "NOCOPY", "INPLACE", "COPY") if target.is_mariadb else ("INSTANT", "INPLACE", "COPY")
    if asked not in known or (asked == "INSTANT" and not target.is_mariadb and not target.at_least(8, 0, 12)):
        return Refusal(1800, f"Unknown ALGORITHM '{asked}'")
    algorithm: Algorithm = next(name for name in ALGORITHMS if name == asked)
    if ALGORITHMS.index(algorithm) < ALGORITHMS.index(part.algorithm):
        better = part.algorithm if target.is_mariadb or part.algorithm == "COPY" else "COPY/INPLACE"
        return Refusal(1845, f"ALGORITHM={asked} is not supported for this operation. Try ALGORITHM={better}.")
    if algorithm == part.algorithm:
        return part
    cheaper = f"Leave out ALGORITHM={asked}: {part.algorithm} is possible."
    if algorithm == "COPY":
        lock: Lock = "NONE" if target.is_mariadb and target.at_least(11, 2) else "SHARED"
        reason = "ALGORITHM=COPY is asked for"
        return Part("COPY", reason, lock, rebuild=True, scans=True, basis=part.basis, cheaper=cheaper)
    rebuild = part.rebuild or any(item.rebuild_inplace for item in parts)
    if target.is_mariadb:  # there a dearer ALGORITHM only sets a limit
        return replace(part, cheaper="")
    return replace(part, algorithm=algorithm, rebuild=rebuild, scans=rebuild, cheaper=cheaper)


def _with_lock(asked: str, part: Part, node: s.AlterTable, target: Flavour) -> Part | Refusal:
    lock: Lock = next(name for name in LOCKS if name == asked)
    if node.algorithm == "INSTANT" and not target.is_mariadb:
        return Refusal(1221, "Incorrect usage of ALGORITHM=INSTANT and LOCK=NONE/SHARED/EXCLUSIVE")
    if LOCKS.index(lock) < LOCKS.index(part.lock):
        return Refusal(1846, f"LOCK={asked} is not supported. Reason: {part.reason}. Try LOCK={part.lock}.")
    return replace(part, lock=lock)


def cost_of_part(
    part: Part, changes: list[Change], node: s.AlterTable, recorded: RecordedStatement, target: Flavour
) -> Cost:
    """What the combined changes of a statement cost, with who waits and the clause to send."""
    lock = part.lock
    renames_only = bool(changes) and all(change.kind in (Kind.RENAME_TABLE, Kind.KEYS_SWITCH) for change in changes)
    if renames_only and part.algorithm == "INSTANT" and not node.lock:
        lock = "EXCLUSIVE"
    works = part.rebuild or part.scans
    temporary = node.name in recorded.before.temporary
    blocks = lock != "NONE" and works and not temporary
    return Cost(
        algorithm=part.algorithm,
        lock=lock,
        rebuild=part.rebuild,
        basis=part.basis,
        waits="Nobody: a temporary table belongs to its session." if temporary else _waits(part, lock, works),
        reason=part.reason[:1].upper() + part.reason[1:] + ".",
        cheaper=part.cheaper,
        scans=part.scans,
        blocks_writes=blocks,
        algorithm_clause=_clause(part, lock, node, target),
    )


def _waits(part: Part, lock: Lock, works: bool) -> str:
    if not works:
        return _METADATA_LOCK
    work = "the whole copy" if part.algorithm == "COPY" else ("the rebuild" if part.rebuild else "building the index")
    if lock == "NONE":
        return (
            f"Nobody on the primary but for a moment at start and end; replicas stall for as long as {work} ran on the "
            "primary."
        )
    who = "Writers are blocked" if lock == "SHARED" else "Readers and writers are blocked"
    return f"{who} for {work}; replicas then stall for as long as it ran on the primary."


def _clause(part: Part, lock: Lock, node: s.AlterTable, target: Flavour) -> str:
    if not takes_clause(node, target):
        return ""
    if part.basis == "assumed":  # COPY is the most it can be; a cheaper form must stay possible
        return ""
    if part.algorithm == "INSTANT":
        return "ALGORITHM=INSTANT"
    return f"ALGORITHM={part.algorithm}, LOCK={lock}"
