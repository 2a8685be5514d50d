"""ZD304: a unique key is dropped."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Key
from zdmigrate.verdict.differences import KeyDropped
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.code import op_create_key, op_drop_key, parts_text
from zdmigrate.verdict.rules.keys.coverage import covering, foreign_keys_needing, renamed
from zdmigrate.verdict.rules.keys.uniqueness import kept_by
from zdmigrate.verdict.rules.origin import columns_going, living
from zdmigrate.verdict.rules.wording import listed, steps

ID = "ZD304"


def judge(subject: KeyDropped, context: Context) -> Iterator[Finding]:
    """Every write of old code that succeeded before succeeds after."""
    if subject.key.kind == "unique":
        yield relaxed_finding(ID, subject.table, subject.key, context, with_columns=subject.with_columns)


def relaxed_finding(rule: str, table: str, key: Key, context: Context, *, with_columns: bool = False) -> Finding:
    """What it is to old code that `key` no longer forbids duplicates; shared with the rule for changed keys."""
    column = key.columns[0] if len(key.columns) == 1 else None
    parts = parts_text(key)
    if with_columns:
        return Finding(
            rule,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.CONTRACT,
            f"{key.name} on {table}({parts}) goes with its columns: the drop of the columns decides.",
            table=table,
            column=column,
        )
    now, current = living(context.after, context, table), renamed(key, table, context)
    keeper = kept_by(current, now)
    reason = f"Every write of old code that {key.name} on {table}({parts}) let pass still succeeds."
    new_conditions: tuple[Condition, ...] = ()
    if keeper is not None:
        reason += f" {keeper.name} goes on refusing the same duplicates."
    else:
        reason += (
            " Look out for INSERT ... ON DUPLICATE KEY UPDATE and REPLACE in old code that count on it: they insert a "
            "second row from now on."
        )
        new_conditions = (
            Condition(
                "duplicates-after-drop",
                "order",
                f"New code writes no duplicate ({parts}) into {table} before {key.name} is gone (1062).",
            ),
        )
    if covering(current, now) is None:
        reason += f" Queries that looked rows up by ({parts}) lose their index."
    lines: list[tuple[str, str]] = []
    needing = sorted({foreign_key.name for foreign_key in foreign_keys_needing(current, table, context)})
    if needing:
        reason += f" The server refuses the drop (1553) as long as no other index serves {listed(needing)}."
        index = Key(f"ix_{key.name}", "index", key.parts)
        lines = [("expand", op_create_key(table, index)), ("expand", op_drop_key(table, key))]
    return Finding(
        rule,
        Verdict.SAFE,
        Verdict.CONDITIONAL if new_conditions else Verdict.SAFE,
        Phase.CONTRACT if columns_going(context, table, key.columns) else Phase.EXPAND,
        reason,
        remedy=steps(*lines) if lines else "",
        new_conditions=new_conditions,
        table=table,
        column=column,
    )


RULE = Rule(id=ID, title="unique key dropped", on=(KeyDropped,), facts=(53,), judge=judge)
