"""ZD109: a table is partitioned, or its partitions change."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Partitioning, Table
from zdmigrate.history.syntax import AlterPartitions, AlterTable
from zdmigrate.verdict.differences import PartitioningChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.origin import living
from zdmigrate.verdict.rules.wording import listed, quoted, steps

_KEEPS_ROWS = {
    "ADD": (Phase.EXPAND, "there is room for new rows, and none moves away"),
    "COALESCE": (Phase.NEUTRAL, "every row stays"),
    "REORGANIZE": (Phase.NEUTRAL, "every row stays"),
    "REBUILD": (Phase.NEUTRAL, "every row stays"),
    "OPTIMIZE": (Phase.NEUTRAL, "every row stays"),
    "ANALYZE": (Phase.NEUTRAL, "it only reads"),
    "CHECK": (Phase.NEUTRAL, "it only reads"),
    "REPAIR": (Phase.NEUTRAL, "every row that can be read stays"),
}


def judge(subject: PartitioningChanged | AlterTable, context: Context) -> Iterator[Finding]:
    """The clause decides: rows that go are unsafe, rows that move are not."""
    if isinstance(subject, AlterTable):
        table = context.before.table(subject.name)
        now = context.after.table_by_uid(table.uid) if table is not None else None
        if table is None or not table.complete or now is None or table.partitioning != now[1].partitioning:
            return  # ZD112 or the difference tells
        known = context.base.table_by_uid(table.uid) is not None
        for clause in _clauses(subject):
            yield judge_clause(subject.name, clause, context) if known else _free(subject.name)
        return
    clauses = _clauses(context.node)
    for clause in clauses:
        yield judge_clause(subject.table, clause, context)
    if not clauses:
        yield _partitioned(subject.table, subject.after, context)


def _free(table: str) -> Finding:
    reason = f"{table} was created in this release: old code has no rows in it."
    return Finding(RULE.id, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, reason, table=table)


def _clauses(node: object) -> list[AlterPartitions]:
    """The clauses of an ALTER that work on single partitions."""
    if not isinstance(node, AlterTable):
        return []
    found = [action for action in node.actions if isinstance(action, AlterPartitions)]
    return [action for action in found if action.operation != "REMOVE"]


def judge_clause(table: str, action: AlterPartitions, context: Context) -> Finding:
    """What ADD, DROP, TRUNCATE, EXCHANGE ... PARTITION does to the rows."""
    names = f"PARTITION {listed(action.names)}" if action.names else "PARTITION"
    old_code = context.old_code
    evidence = old_code.quote(table) if old_code.proven and not old_code.maps_table(table) else ""
    conditions: tuple[Condition, ...] = ()
    old, phase, remedy = Verdict.SAFE, Phase.CONTRACT, ""
    if action.operation in _KEEPS_ROWS:
        phase, what = _KEEPS_ROWS[action.operation]
        return Finding(
            RULE.id, old, Verdict.SAFE, phase, f"{action.operation} {names} of {table}: {what}.", table=table
        )
    if evidence:
        reason = f"No deployed version maps {table}; {action.operation} PARTITION takes rows out of it."
    elif action.operation == "EXCHANGE":
        old = Verdict.CONDITIONAL
        reason = (
            f"{names} of {table} swap their rows with those of {action.with_table}: rows old code stored there are "
            "gone "
            "from where it looks for them, and others appear."
        )
        proof = f"SELECT 1 FROM {quoted(table)} PARTITION ({', '.join(map(quoted, action.names))}) LIMIT 1"
        conditions = (
            Condition(
                "partition-is-empty",
                "data",
                f"Partition {listed(action.names)} of {table} holds no row when this runs.",
                proof,
            ),
        )
    else:
        old = Verdict.UNSAFE
        does = {
            "DISCARD": "and statements that touch the partition fail with 1814",
            "IMPORT": "and others appear, from a file",
        }.get(action.operation, "for good")
        reason = f"{action.operation} {names} of {table}: the rows old code stored there are gone, {does}."
        if action.operation == "DROP":
            reason += " In a RANGE or LIST table an INSERT that no other partition takes fails with 1526."
        remedy = steps(
            ("deploy", f"a version that needs no row of {listed(action.names) or 'these partitions'} any more"),
            ("contract", "this change"),
        )
    return Finding(
        RULE.id,
        old,
        Verdict.SAFE,
        phase,
        reason,
        remedy,
        conditions=conditions,
        table=table,
        evidence=evidence,
    )


def _partitioned(table: str, after: Partitioning | None, context: Context) -> Finding:
    if after is None:
        return Finding(
            RULE.id,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.EXPAND,
            f"{table} is one table again: every row stays, statements that name no partition mean the same. It is "
            "copied "
            "and takes no writes meanwhile.",
            table=table,
        )
    now = living(context.after, context, table)
    refusal = _refusal(now, after)
    if refusal:
        return Finding(
            RULE.id,
            Verdict.UNSAFE,
            Verdict.UNSAFE,
            Phase.SPLIT,
            f"The server refuses to partition {table}: {refusal}. The revision stops there, half done.",
            table=table,
        )
    by = listed(after.columns) if after.columns else after.method
    conditions = [
        Condition(
            "queries-name-partition-key",
            "workload",
            f"Old code's frequent statements on {table} have {by} in their WHERE; others look into every partition.",
        )
    ]
    if after.method.upper().startswith(("RANGE", "LIST")) and "MAXVALUE" not in after.clause.upper():
        conditions.append(
            Condition(
                "rows-fit-partitions",
                "code",
                f"Every row old code writes to {table} belongs to a partition: else its INSERT fails with 1526.",
            )
        )
    return Finding(
        RULE.id,
        Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.EXPAND,
        f"{table} is partitioned by {after.method} ({by}): statements stay the same, but each looks into every "
        "partition "
        "unless its WHERE names the partition key. The table is copied and takes no writes meanwhile.",
        conditions=tuple(conditions),
        table=table,
    )


def _refusal(table: Table | None, partitioning: Partitioning) -> str:
    """Why InnoDB refuses: a foreign key (1506), or a unique key without the partition columns (1503)."""
    if table is None or not table.complete:
        return ""
    if table.foreign_keys:
        return f"foreign key {table.foreign_keys[0].name} is not supported with partitioning (1506)"
    wanted = {name.lower() for name in partitioning.columns}
    for key in table.keys:
        if key.unique and not wanted <= {name.lower() for name in key.columns}:
            return f"unique key {key.name} must include {listed(partitioning.columns)} (1503)"
    return ""


RULE = Rule("ZD109", "partitioning changed", (PartitioningChanged, AlterTable), (76,), judge)
