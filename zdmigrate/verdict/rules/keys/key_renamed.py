"""ZD307: an index is renamed."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import KeyRenamed
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.code import noun

ID = "ZD307"


def judge(subject: KeyRenamed, context: Context) -> Iterator[Finding]:
    """Statements do not name indexes, but for hints; error messages do."""
    before, after = subject.before, subject.after
    reason = (
        f"{noun(before)} of {subject.table} is called {after.name} now: no statement names an index, except in an "
        f"index hint (USE, FORCE, IGNORE INDEX ({before.name}) fails with 1176)"
    )
    if before.unique:
        reason += f", and code that looks for {before.name} in the text of a 1062 error no longer finds it"
    yield Finding(
        ID, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, reason[0].upper() + reason[1:] + ".", table=subject.table
    )


RULE = Rule(id=ID, title="index renamed", on=(KeyRenamed,), facts=(), judge=judge)
