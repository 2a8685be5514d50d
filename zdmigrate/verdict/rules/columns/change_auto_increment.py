"""ZD223: a column starts or stops being AUTO_INCREMENT."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import always_written, at, changed_here, loosely, untouched
from zdmigrate.verdict.rules.wording import op_alter_column, steps


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Removed: INSERTs without a key fail or reuse one. Added: 0 and NULL are replaced by a number."""
    if "auto_increment" not in change.aspects & changed_here(change, context):
        return
    yield _removed(change, context) if change.before.auto_increment else _added(change, context)


def _removed(change: ColumnChanged, context: Context) -> Finding:
    before, after, where = change.before, change.after, at(change.table, change.before)
    evidence = untouched(change.table, context) or always_written(change.table, before, context)
    error = (
        f"fail with 1364 (Field '{after.name}' doesn't have a default value)"
        if not after.insert_may_omit
        else "store the same default each time (1062 when it is a key)"
    )
    return Finding(
        RULE.id,
        Verdict.SAFE if evidence else Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"Every INSERT of the deployed versions names {where}."
        if evidence
        else f"Old code lets the server number {where}: its INSERTs that leave it out {error}.{loosely(context)}",
        ""
        if evidence
        else steps(
            ("deploy", f"the version that writes {where} in every INSERT"),
            ("contract", op_alter_column(change.table, before, autoincrement="False")),
        ),
        table=change.table,
        column=before.name,
        evidence=evidence,
    )


def _added(change: ColumnChanged, context: Context) -> Finding:
    where = at(change.table, change.before)
    evidence = untouched(change.table, context)
    return Finding(
        RULE.id,
        Verdict.SAFE if evidence else Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.EXPAND,
        f"Old code that writes {where} goes on, but a 0 or NULL it writes there becomes the next number. New code that "
        "leaves it out fails on the old schema with 1364.",
        conditions=()
        if evidence
        else (Condition("no-zero-keys", "code", f"Old code never writes 0 or NULL to {where} on purpose."),),
        new_conditions=(
            Condition("new-code-writes-value", "code", f"New code names {where} in every INSERT until this has run."),
        ),
        table=change.table,
        column=change.before.name,
        evidence=evidence,
    )


RULE = Rule("ZD223", "AUTO_INCREMENT added or removed", (ColumnChanged,), (44,), judge)
