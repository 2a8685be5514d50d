"""ZD513: a trigger is dropped."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Trigger
from zdmigrate.history.syntax import DropTrigger
from zdmigrate.verdict.differences import TriggerDropped
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.names import doubt, not_known
from zdmigrate.verdict.rules.origin import living
from zdmigrate.verdict.rules.routines.triggers import place, reach, work
from zdmigrate.verdict.rules.wording import listed, op_execute, quoted, steps

ID = "ZD513"


def judge(subject: TriggerDropped | DropTrigger, context: Context) -> Iterator[Finding]:
    """Old code may count on what the trigger did for it."""
    if isinstance(subject, DropTrigger):
        if subject.name not in context.before.triggers:
            yield _unseen(subject, context)
        return
    trigger = subject.trigger
    if living(context.after, context, trigger.table) is None:
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.CONTRACT,
            f"{trigger.name} goes with {trigger.table}: the drop of the table decides.",
            table=trigger.table,
        )
    elif not context.old_code.maps_table(trigger.table):
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.CONTRACT,
            f"Old code does not map {trigger.table}: it never fires {trigger.name}.",
            table=trigger.table,
            evidence=context.old_code.quote(trigger.table),
        )
    else:
        yield _missed(trigger, context)


def _missed(trigger: Trigger, context: Context) -> Finding:
    found = reach(trigger, context)
    tolerates = Condition(
        "tolerates-trigger", "order", f"New code does the right thing while {trigger.name} still fires."
    )
    drop = op_execute(f"DROP TRIGGER {quoted(trigger.name)}")
    if found.seen or found.effects.calls or not (found.unseen or found.effects.signals):
        synced = listed(found.seen) or "its tables"
        return Finding(
            ID,
            Verdict.UNSAFE,
            Verdict.CONDITIONAL,
            Phase.CONTRACT,
            f"{trigger.name} ({place(trigger)}) {work(found)} for old code: without it the same {trigger.event} "
            f"succeeds and leaves {synced} as nobody expects. No error tells.",
            remedy=steps(
                ("expand", f"release code that does itself what {trigger.name} does"),
                ("deploy", "wait until no node runs older code"),
                ("contract", drop),
            ),
            new_conditions=(tolerates,),
            table=trigger.table,
        )
    if found.effects.signals:
        condition = Condition(
            "readers-tolerate-any-value",
            "code",
            f"Old code reads {trigger.table} rightly when a row is there that {trigger.name} would have refused.",
        )
        reason = (
            f"Every write of old code that {trigger.name} ({place(trigger)}) let pass still succeeds; but rows that it "
        )
        reason += "refused (1644) may come, and old code reads them."
    else:
        condition = Condition(
            "nobody-reads-it",
            "code",
            f"Nothing that still runs beside old code reads {listed(found.unseen)} as kept by {trigger.name}.",
        )
        reason = (
            f"{trigger.name} ({place(trigger)}) writes {listed(found.unseen)} alone, which old code does not read; but "
            "from now on its writes leave them unfilled for whoever does."
        )
    return Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.CONTRACT,
        reason,
        remedy=steps(("deploy", "wait until no node runs older code"), ("contract", drop)),
        conditions=(condition,),
        new_conditions=(tolerates,),
        table=trigger.table,
        evidence=found.evidence,
    )


def _unseen(node: DropTrigger, context: Context) -> Finding:
    if context.before.complete and (why := doubt(node.name, context, "triggers")):
        return not_known(ID, f"DROP TRIGGER {node.name}: {why}. Whether old code counts on it is not known.")
    if context.before.complete:
        return Finding(ID, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, f"There is no trigger {node.name} to drop.")
    return Finding(
        ID,
        Verdict.UNSAFE,
        Verdict.CONDITIONAL,
        Phase.CONTRACT,
        f"What {node.name} did was never seen: old code may count on it, and no error tells when it is gone.",
        remedy=steps(
            (
                "expand",
                f"release code that does itself what {node.name} does, or show it with --url or --schema dump.sql",
            ),
            ("deploy", "wait until no node runs older code"),
            ("contract", op_execute(f"DROP TRIGGER {quoted(node.name)}")),
        ),
        new_conditions=(
            Condition("tolerates-trigger", "order", f"New code does the right thing while {node.name} still fires."),
        ),
    )


RULE = Rule(id=ID, title="trigger dropped", on=(TriggerDropped, DropTrigger), facts=(70,), judge=judge)
