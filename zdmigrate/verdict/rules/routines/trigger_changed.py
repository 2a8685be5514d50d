"""ZD512: a trigger does something else."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import CreateTrigger
from zdmigrate.verdict.differences import TriggerChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.routines.trigger_created import trigger_finding
from zdmigrate.verdict.rules.routines.triggers import place, reach, work
from zdmigrate.verdict.rules.wording import steps

ID = "ZD512"


def judge(subject: TriggerChanged, context: Context) -> Iterator[Finding]:
    """Old code was written with the old body; the new one may refuse its writes."""
    before, after = subject.before, subject.after
    old, new = reach(before, context), reach(after, context)
    if new.effects.signals and not old.effects.signals:
        yield trigger_finding(ID, after, context)
        return
    moved = "" if place(before) == place(after) else f", {place(after)} instead of {place(before)}"
    reason = f"{after.name}{moved} now {work(new)}; when old code was written, it {_past(work(old))}."
    if not (isinstance(context.node, CreateTrigger) and context.node.or_replace):
        reason += " Between DROP and CREATE the writes of old code run without either."
    yield Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.CONTRACT,
        reason,
        remedy=steps(
            (
                "expand",
                f"create a second trigger on {after.table} that does what is new, and keep {before.name} as it is",
            ),
            ("deploy", "wait until no node runs older code"),
            ("contract", f"drop {before.name}"),
        ),
        conditions=(
            Condition(
                "trigger-keeps-old-meaning",
                "code",
                f"Whatever old code writes to {after.table}, what the new {after.name} makes of it means the same to "
                "old code, and never fails.",
            ),
        ),
        new_conditions=(
            Condition(
                "tolerates-old-trigger", "code", f"New code does the right thing while {after.name} is as it was."
            ),
        ),
        table=after.table,
    )


def _past(words: str) -> str:
    return words.replace("writes ", "wrote ", 1).replace("raises ", "raised ", 1).replace("does ", "did ", 1)


RULE = Rule(id=ID, title="trigger changed", on=(TriggerChanged,), facts=(69, 70), judge=judge)
