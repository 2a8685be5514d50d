"""ZD9nn: what nobody can judge, and what would settle it."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import CallRoutine, Opaque
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule


def judge_opaque(subject: Opaque, context: Context) -> Iterator[Finding]:
    """A statement that could not be parsed is never guessed at."""
    yield Finding(
        "ZD901",
        Verdict.UNKNOWN,
        Verdict.UNKNOWN,
        Phase.NEUTRAL,
        f"This statement could not be read: {subject.reason}. What it does to old code is unknown.",
        remedy="Write it as op.* calls or as plain SQL, one statement each; or run `zdmigrate prove` on the revision, "
        "or waive this with a reason when a person has read it.",
    )


def judge_call(subject: CallRoutine, context: Context) -> Iterator[Finding]:
    """What a procedure does is in its body, under the rows that are there; where that tells, its change is judged."""
    if subject.carried_out is not None:
        if not subject.carried_out:
            reason = f"CALL {subject.name}() changes nothing here: the condition in its body does not hold."
            yield Finding("ZD902", Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, reason)
        return
    routine = context.before.routines.get(f"procedure {subject.name}")
    if routine is None:
        body = "its body was never seen (show it with --url or --schema dump.sql)"
    else:
        text = " ".join(routine.definition.split())
        body = f"its body is {text if len(text) <= 200 else text[:197] + '...'}"
    yield Finding(
        "ZD902",
        Verdict.UNKNOWN,
        Verdict.UNKNOWN,
        Phase.NEUTRAL,
        f"CALL {subject.name}(): what it does depends on its arguments and on the rows that are there; {body}.",
        remedy=f"Send the statements of {subject.name} from the revision itself, with op.execute, so that each can be "
        "judged; or run `zdmigrate prove` on the revision.",
    )


#: In the order of their ids.
UNKNOWN_RULES: tuple[Rule, ...] = (
    Rule(id="ZD901", title="statement that cannot be read", on=(Opaque,), facts=(68,), judge=judge_opaque),
    Rule(id="ZD902", title="procedure called", on=(CallRoutine,), facts=(79,), judge=judge_call),
)
