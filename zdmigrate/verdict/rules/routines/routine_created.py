"""ZD521: a procedure, function or event is created."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import CreateRoutine
from zdmigrate.verdict.differences import RoutineCreated
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.names import doubt
from zdmigrate.verdict.rules.wording import op_execute, quoted, steps

ID = "ZD521"


def judge(subject: RoutineCreated | CreateRoutine, context: Context) -> Iterator[Finding]:
    """Nobody of old code calls it; an event runs all by itself."""
    routine = subject.routine
    kind, name = routine.kind, routine.name
    if isinstance(subject, CreateRoutine):
        there = context.before.routines.get(f"{kind} {name}")
        if there is not None and there == context.after.routines.get(f"{kind} {name}"):
            reason = f"The {kind} {name} stands already, and stays as it is."
            yield Finding(ID, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, reason)
        return
    if kind == "event":
        yield Finding(
            ID,
            Verdict.CONDITIONAL,
            Verdict.SAFE,
            Phase.EXPAND,
            f"The event {name} runs by itself from the moment it is created (where event_scheduler is ON), beside old "
            "code: what it writes or deletes, old code finds changed. After a failover it runs on the new primary as "
            "well.",
            remedy=steps(
                ("expand", op_execute(f"CREATE EVENT {quoted(name)} ON SCHEDULE ... DISABLE DO ...")),
                ("deploy", "wait until no node runs older code"),
                ("contract", op_execute(f"ALTER EVENT {quoted(name)} ENABLE")),
            ),
            conditions=(
                Condition(
                    "event-keeps-old-meaning",
                    "code",
                    f"Whatever the event {name} does, old code reads and writes its tables with the same meaning.",
                ),
            ),
        )
        return
    unseen = not context.base.complete or bool(doubt(name, context, "routines", kind))
    replaces = unseen and isinstance(context.node, CreateRoutine) and (context.node.or_replace or context.node.altered)
    reason = f"Old code does not call the {kind} {name}."
    if replaces:
        reason = f"Whether old code calls a {kind} {name} was never seen; this replaces it."
    yield Finding(
        ID,
        Verdict.CONDITIONAL if replaces else Verdict.SAFE,
        Verdict.CONDITIONAL,
        Phase.EXPAND,
        f"{reason} New code that calls it on the old schema fails with 1305: run this before deploying it.",
        conditions=(keeps_meaning(kind, name),) if replaces else (),
        new_conditions=(
            Condition("routine-before-code", "order", f"The {kind} {name} stands before code that calls it."),
        ),
    )


def keeps_meaning(kind: str, name: str) -> Condition:
    """The condition under which callers do not notice another body."""
    return Condition(
        "callers-tolerate-new-body",
        "code",
        f"Calls of the {kind} {name} by old code, with the arguments it gives, succeed and mean the same.",
    )


RULE = Rule(id=ID, title="routine created", on=(RoutineCreated, CreateRoutine), facts=(73,), judge=judge)
