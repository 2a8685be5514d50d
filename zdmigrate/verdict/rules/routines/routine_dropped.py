"""ZD523: a procedure, function or event is dropped."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import DropRoutine
from zdmigrate.verdict.differences import RoutineDropped
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.names import doubt, not_known
from zdmigrate.verdict.rules.wording import op_execute, quoted, steps

ID = "ZD523"


def judge(subject: RoutineDropped | DropRoutine, context: Context) -> Iterator[Finding]:
    """Calls of old code fail; what an event did is no longer done."""
    if isinstance(subject, RoutineDropped):
        yield _dropped(subject.routine.kind, subject.routine.name)
        return
    if f"{subject.kind} {subject.name}" in context.before.routines:
        return
    if context.before.complete and (why := doubt(subject.name, context, "routines", subject.kind)):
        yield not_known(
            ID, f"DROP {subject.kind.upper()} {subject.name}: {why}. Whether old code calls it is not known."
        )
    elif context.before.complete:
        there = f"There is no {subject.kind} {subject.name} to drop."
        yield Finding(ID, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, there)
    else:
        yield _dropped(subject.kind, subject.name)


def _dropped(kind: str, name: str) -> Finding:
    drop = op_execute(f"DROP {kind.upper()} {quoted(name)}")
    if kind == "event":
        return Finding(
            ID,
            Verdict.CONDITIONAL,
            Verdict.SAFE,
            Phase.CONTRACT,
            f"No statement of old code names the event {name}, but old code may count on what it did (cleaning up, "
            "summing up); no error tells when it is gone.",
            remedy=steps(
                ("contract", op_execute(f"ALTER EVENT {quoted(name)} DISABLE") + "  # watch, then:"),
                ("contract", drop),
            ),
            conditions=(
                Condition("nobody-needs-the-event", "code", f"Old code does without what the event {name} did."),
            ),
        )
    return Finding(
        ID,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"A statement of old code that calls the {kind} {name} fails with 1305 ({kind.upper()} {name} does not "
        "exist); so does every view, trigger, generated column or routine that uses it.",
        remedy=steps(
            ("expand", f"release code that does not call {name}"),
            ("deploy", "wait until no node runs older code"),
            ("contract", drop),
        ),
    )


RULE = Rule(id=ID, title="routine dropped", on=(RoutineDropped, DropRoutine), facts=(72,), judge=judge)
