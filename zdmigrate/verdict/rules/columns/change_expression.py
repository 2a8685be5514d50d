"""ZD226: a generated column is computed another way."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, changed_here, unmapped


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Another expression gives other values; STORED or VIRTUAL alone does not."""
    was, now = change.before.generated, change.after.generated
    if was is None or now is None or "generated" not in change.aspects & changed_here(change, context):
        return
    where = at(change.table, change.before)
    same = was.expression == now.expression
    evidence = "" if same else unmapped(change.table, change.before.name, context)
    agree = Condition(
        "expressions-agree",
        "person",
        f"({now.expression}) means to old and new code what ({was.expression}) means.",
    )
    certain = same or bool(evidence)
    yield Finding(
        RULE.id,
        Verdict.SAFE if certain else Verdict.CONDITIONAL,
        Verdict.SAFE if same else Verdict.CONDITIONAL,
        Phase.NEUTRAL if same else Phase.EXPAND,
        f"{where} is computed as before; only {'STORED' if now.stored else 'VIRTUAL'} is new. The server may copy "
        "the table."
        if same
        else f"{where} is computed as ({now.expression}) instead of ({was.expression}): every version reads other "
        "values.",
        "" if certain else f"Add a second generated column for ({now.expression}) and drop {where} in contract.",
        conditions=() if certain else (agree,),
        new_conditions=() if same else (agree,),
        table=change.table,
        column=change.before.name,
        evidence=evidence,
    )


RULE = Rule("ZD226", "generated column's expression changed", (ColumnChanged,), (15, 16), judge)
