"""ZD303: a FULLTEXT or SPATIAL index on a table old code uses."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import KeyAdded
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.code import op_create_key, parts_text
from zdmigrate.verdict.rules.wording import steps

ID = "ZD303"


def judge(subject: KeyAdded, context: Context) -> Iterator[Finding]:
    """Old code does not notice it but for the blocked writes; new code that searches needs it first."""
    key, table = subject.key, subject.table
    if key.kind not in ("fulltext", "spatial"):
        return
    parts = parts_text(key)
    fulltext = key.kind == "fulltext"
    reason = (
        f"The {key.kind.upper()} index {key.name} on {table}({parts}) changes no result of old code; writes to {table} "
        "wait while it is built."
    )
    if fulltext:
        reason += f" New code that uses MATCH ({parts}) AGAINST (...) before it stands fails with 1191."
    yield Finding(
        ID,
        Verdict.SAFE,
        Verdict.CONDITIONAL if fulltext else Verdict.SAFE,
        Phase.EXPAND,
        reason,
        remedy=steps(("expand", op_create_key(table, key)), ("deploy", f"code that searches {table}({parts})")),
        new_conditions=(
            Condition(
                "index-before-search", "order", f"{key.name} stands before code with MATCH ({parts}) is deployed."
            ),
        )
        if fulltext
        else (),
        table=table,
        column=key.columns[0] if len(key.columns) == 1 else None,
    )


RULE = Rule(id=ID, title="FULLTEXT or SPATIAL index added", on=(KeyAdded,), facts=(51,), judge=judge)
