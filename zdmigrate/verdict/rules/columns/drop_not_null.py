"""ZD209: a NOT NULL column becomes nullable."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, changed_here
from zdmigrate.verdict.rules.wording import steps


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Writes go on; readers may meet NULL once new code writes it."""
    before, after = change.before, change.after
    if before.nullable or not after.nullable or "nullable" not in changed_here(change, context):
        return
    if (before.generated is None) != (after.generated is None):
        return  # ZD224 and ZD225 judge that
    where = at(change.table, before)
    proven = context.old_code.proven and all(
        mapped.nullable for mapped in context.old_code.mapped(change.table, before.name)
    )
    tolerates = Condition(
        "tolerates-null", "code", f"Old code that reads {where} copes with NULL, which new code may write."
    )
    yield Finding(
        RULE.id,
        Verdict.SAFE if proven else Verdict.CONDITIONAL,
        Verdict.UNSAFE,
        Phase.EXPAND,
        (
            f"Every deployed version that maps {where} maps it nullable. "
            if proven
            else f"Old code's writes go on; its reads of {where} never met NULL and may, once new code writes it. "
        )
        + f"New code that writes NULL to the old schema fails with 1048 (Column '{before.name}' cannot be null).",
        ""
        if proven
        else steps(
            ("deploy", f"a version that reads NULL in {where}"),
            ("expand", "this change"),
            ("deploy", "the version that writes NULL"),
        ),
        conditions=() if proven else (tolerates,),
        table=change.table,
        column=before.name,
        evidence=context.old_code.quote(change.table, before.name) if proven else "",
    )


RULE = Rule("ZD209", "column becomes nullable", (ColumnChanged,), (28,), judge)
