"""ZD332: a CHECK constraint of the same name says something else, or is enforced or not enforced now."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Check
from zdmigrate.verdict.differences import CheckChanged
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.check_added import check_finding
from zdmigrate.verdict.rules.keys.check_dropped import relaxed_check_finding
from zdmigrate.verdict.rules.keys.check_value import members

ID = "ZD332"


def judge(subject: CheckChanged, context: Context) -> Iterator[Finding]:
    """A CHECK that refuses no more than before is a relaxation; any other is a new CHECK."""
    table, before, after = subject.table, subject.before, subject.after
    if not before.enforced and not after.enforced:
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.NEUTRAL,
            f"{after.name} of {table} is NOT ENFORCED before and after: the server checks no row.",
            table=table,
        )
    elif not after.enforced or _relaxes(before, after):
        yield relaxed_check_finding(ID, table, before, context)
    else:
        yield check_finding(ID, table, after, context)


def _relaxes(before: Check, after: Check) -> bool:
    """Whether both are `column IN (...)` and the new list holds all of the old one."""
    old, new = members(before), members(after)
    return before.enforced and old is not None and new is not None and old[0] == new[0] and old[1] <= new[1]


RULE = Rule(id=ID, title="CHECK changed", on=(CheckChanged,), facts=(57, 58), judge=judge)
