"""ZD302: a plain index on a table old code uses."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import KeyAdded
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.code import parts_text

ID = "ZD302"


def judge(subject: KeyAdded, context: Context) -> Iterator[Finding]:
    """An index changes no result: only how fast it comes."""
    key = subject.key
    if key.kind != "index":
        return
    column = key.columns[0] if len(key.columns) == 1 else None
    if key.generated:
        reason = f"The server makes the index {key.name} on {subject.table}({parts_text(key)}) for a foreign key."
        yield Finding(ID, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, reason, table=subject.table, column=column)
        return
    yield Finding(
        ID,
        Verdict.SAFE,
        Verdict.SAFE,
        Phase.EXPAND,
        f"The index {key.name} on {subject.table}({parts_text(key)}) changes no result of old code; the optimizer may "
        "choose other plans, and every write maintains one index more.",
        table=subject.table,
        column=column,
    )


RULE = Rule(id=ID, title="index added", on=(KeyAdded,), facts=(18, 48), judge=judge)
