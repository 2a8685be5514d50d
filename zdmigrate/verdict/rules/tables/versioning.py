"""ZD111: MariaDB keeps the history of a table's rows, or no longer does."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import SystemVersioningChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule


def judge(changed: SystemVersioningChanged, context: Context) -> Iterator[Finding]:
    """Added: statements see the current rows as before. Removed: the history is gone."""
    table, old_code = changed.table, context.old_code
    if changed.enabled:
        yield Finding(
            RULE.id,
            Verdict.SAFE,
            Verdict.UNSAFE,
            Phase.EXPAND,
            f"Old code's statements on {table} see and change the current rows as before; every change now keeps "
            "the old "
            "row too, so the table grows. TRUNCATE fails with 4137, and later ALTERs with 4119 unless "
            "system_versioning_alter_history=KEEP. New code that asks FOR SYSTEM_TIME fails on the old schema with "
            "4124.",
            table=table,
        )
        return
    evidence = old_code.quote(table) if old_code.proven and not old_code.maps_table(table) else ""
    unused = Condition("history-unused", "code", f"No query of old code reads {table} FOR SYSTEM_TIME.")
    yield Finding(
        RULE.id,
        Verdict.SAFE if evidence else Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"The history of {table} is deleted for good, and queries FOR SYSTEM_TIME fail with 4124.",
        conditions=() if evidence else (unused,),
        table=table,
        evidence=evidence,
    )


RULE = Rule("ZD111", "system versioning changed", (SystemVersioningChanged,), (), judge)
