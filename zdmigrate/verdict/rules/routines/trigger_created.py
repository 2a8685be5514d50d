"""ZD511: a trigger is created."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Trigger
from zdmigrate.history.syntax import CreateTrigger
from zdmigrate.verdict.differences import TriggerCreated
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.routines.triggers import place, reach, work
from zdmigrate.verdict.rules.wording import listed, op_execute, quoted, steps

ID = "ZD511"


def judge(subject: TriggerCreated | CreateTrigger, context: Context) -> Iterator[Finding]:
    """From now on old code's writes do more than they say."""
    if isinstance(subject, CreateTrigger):
        if context.before.triggers and context.before.triggers == context.after.triggers:
            trigger = subject.trigger
            reason = f"The trigger {trigger.name} stands already, and stays as it is."
            yield Finding(ID, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, reason, table=trigger.table)
        return
    trigger = subject.trigger
    if subject.new_table:
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.EXPAND,
            f"{trigger.name} is on {trigger.table}, which is created in this release: old code does not fire it.",
            table=trigger.table,
        )
    elif not context.old_code.maps_table(trigger.table):
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.EXPAND,
            f"Old code does not map {trigger.table}: it does not fire {trigger.name}.",
            table=trigger.table,
            evidence=context.old_code.quote(trigger.table),
        )
    else:
        replaces = isinstance(context.node, CreateTrigger) and context.node.or_replace and not context.base.complete
        yield trigger_finding(ID, trigger, context, may_replace=replaces)


def trigger_finding(rule: str, trigger: Trigger, context: Context, *, may_replace: bool = False) -> Finding:
    """What a trigger old code was written without does to its writes; shared with the rule for changed triggers."""
    found = reach(trigger, context)
    if found.effects.signals:
        return _raises(rule, trigger)
    if found.only_unseen and not may_replace:
        return Finding(
            rule,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.EXPAND,
            f"{trigger.name} ({place(trigger)}) writes {listed(found.unseen)} alone, which old code does not read; "
            f"its writes of {trigger.table} succeed as before as long as the trigger's own do. Drop it in the "
            "contract step.",
            table=trigger.table,
            evidence=found.evidence,
        )
    what = work(found)
    affected = listed(found.seen) or trigger.table
    return Finding(
        rule,
        Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.EXPAND,
        f"{trigger.name} ({place(trigger)}) {what}: every {trigger.event} of old code on {trigger.table} now does that "
        f"too, silently, and old code reads {affected} other than it wrote it"
        + (". It may also replace a trigger of that name that was never seen." if may_replace else "."),
        remedy=steps(
            (
                "expand",
                "let the trigger write only columns that this release adds (SET NEW.<new column> = ...), not "
                f"{affected}",
            ),
            ("deploy", "wait until no node runs older code"),
            ("contract", op_execute(f"DROP TRIGGER {quoted(trigger.name)}")),
        ),
        conditions=(
            Condition(
                "trigger-keeps-old-meaning",
                "code",
                f"Whatever old code writes to {trigger.table}, what {trigger.name} makes of it means the same to old "
                "code, and never fails.",
            ),
        ),
        table=trigger.table,
    )


def _raises(rule: str, trigger: Trigger) -> Finding:
    return Finding(
        rule,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"{trigger.name} ({place(trigger)}) raises an error with SIGNAL: a statement of old code that meets it fails "
        "with 1644 (Unhandled user-defined exception condition).",
        remedy=steps(
            ("expand", f"release code whose writes of {trigger.table} never meet the SIGNAL"),
            ("deploy", "wait until no node runs older code"),
            ("contract", f"create {trigger.name}"),
        ),
        table=trigger.table,
    )


RULE = Rule(id=ID, title="trigger created", on=(TriggerCreated, CreateTrigger), facts=(69,), judge=judge)
