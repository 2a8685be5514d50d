"""ZD227: a column gets or loses ON UPDATE CURRENT_TIMESTAMP."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, changed_here, unmapped


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """What an UPDATE that does not name the column leaves in it changes."""
    if "on_update" not in change.aspects & changed_here(change, context):
        return
    before, after, where = change.before, change.after, at(change.table, change.before)
    evidence = unmapped(change.table, before.name, context)
    if after.on_update is None:
        reason = f"An UPDATE that does not name {where} no longer moves it to the current time."
    elif before.on_update is None:
        reason = f"An UPDATE that does not name {where} now moves it to the current time."
    else:
        reason = f"{where} has ON UPDATE {after.on_update} instead of {before.on_update}."
    relied = Condition(
        "on-update-not-relied-on",
        "code",
        f"Old code names {where} in every UPDATE, or means the same with and without ON UPDATE.",
    )
    yield Finding(
        RULE.id,
        Verdict.SAFE if evidence else Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.CONTRACT if after.on_update is None else Phase.EXPAND,
        reason + (" No deployed version maps it." if evidence else " No statement of old code fails."),
        "" if evidence else f"Deploy a version that writes {where} explicitly in every UPDATE first.",
        conditions=() if evidence else (relied,),
        table=change.table,
        column=before.name,
        evidence=evidence,
    )


RULE = Rule("ZD227", "column's ON UPDATE changed", (ColumnChanged,), (30,), judge)
