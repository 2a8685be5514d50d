"""ZD522: a procedure, function or event has another definition."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import RoutineChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.routines.routine_created import keeps_meaning
from zdmigrate.verdict.rules.wording import steps

ID = "ZD522"


def judge(subject: RoutineChanged, context: Context) -> Iterator[Finding]:
    """Callers of old code meet the new body at once."""
    kind, name = subject.after.kind, subject.after.name
    if kind == "event":
        condition = Condition(
            "event-keeps-old-meaning",
            "code",
            f"Whatever the event {name} does now, old code reads and writes its tables with the same meaning.",
        )
        reason = f"The event {name} does something else, or at other times, from now on, beside old code."
        line = ("contract", f"change the event {name} once no node runs older code")
    else:
        condition = keeps_meaning(kind, name)
        reason = (
            f"Calls of the {kind} {name} by old code run the new body: other parameters fail with 1318, and another "
            "result changes what old code reads. Between DROP and CREATE they fail with 1305."
        )
        line = (
            "expand",
            f"create the new body as {name}_v2, and call that in new code; drop {name} in the contract step",
        )
    yield Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.EXPAND,
        reason,
        remedy=steps(line),
        conditions=(condition,),
        new_conditions=(
            Condition(
                "tolerates-old-body", "order", f"New code that needs the new {kind} {name} is deployed after it."
            ),
        ),
    )


RULE = Rule(id=ID, title="routine changed", on=(RoutineChanged,), facts=(73,), judge=judge)
