"""ZD311: the primary key is dropped."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import KeyDropped
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.code import parts_text
from zdmigrate.verdict.rules.keys.coverage import renamed
from zdmigrate.verdict.rules.keys.uniqueness import kept_by
from zdmigrate.verdict.rules.origin import living
from zdmigrate.verdict.rules.wording import op_execute, quoted, steps

ID = "ZD311"


def judge(subject: KeyDropped, context: Context) -> Iterator[Finding]:
    """Writes go on, but nothing refuses duplicates, and replication and clustering count on a primary key."""
    key, table = subject.key, subject.table
    if key.kind != "primary":
        return
    parts = parts_text(key)
    keeper = kept_by(renamed(key, table, context), living(context.after, context, table))
    conditions = []
    reason = f"Without the primary key on {table}({parts}) every write of old code that succeeded before still succeeds"
    if keeper is not None:
        reason += f", and {keeper.name} goes on refusing duplicates"
    else:
        reason += (
            ", but duplicates are no longer refused, and INSERT ... ON DUPLICATE KEY UPDATE and REPLACE insert a "
            "second row"
        )
        conditions.append(
            Condition(
                "no-reliance-on-primary-key",
                "code",
                f"Old code does not count on {table} refusing a second row with the same ({parts}): no retry on 1062, "
                "no ON DUPLICATE KEY UPDATE, no REPLACE.",
            )
        )
    no_key = (
        "Galera refuses DELETE without one"
        if context.target.is_mariadb
        else "Group Replication refuses its writes (3098)"
    )
    reason += (
        f". Replicas scan {table} for every changed row, {no_key}, and sql_require_primary_key=ON refuses the ALTER "
        "(3750)."
        if not context.target.is_mariadb
        else f". Replicas scan {table} for every changed row, and {no_key}."
    )
    conditions.append(
        Condition(
            "replication-without-primary-key",
            "workload",
            f"Replication copes with changes to {table} without a primary key (its rows are few, or seldom changed), "
            "and no cluster needs one.",
        )
    )
    columns = ", ".join(map(quoted, key.columns))
    yield Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.CONTRACT,
        reason,
        remedy=steps(
            (
                "contract",
                "drop and add in one ALTER, so that the table always has a primary key: "
                + op_execute(f"ALTER TABLE {quoted(table)} DROP PRIMARY KEY, ADD PRIMARY KEY (...)")
                + f"  # instead of ({columns})",
            )
        ),
        conditions=tuple(conditions),
        new_conditions=(
            Condition(
                "tolerates-primary-key",
                "code",
                f"New code runs while {table} still refuses a second row with ({parts}).",
            ),
        ),
        table=table,
        column=key.columns[0] if len(key.columns) == 1 else None,
    )


RULE = Rule(id=ID, title="primary key dropped", on=(KeyDropped,), facts=(59,), judge=judge)
