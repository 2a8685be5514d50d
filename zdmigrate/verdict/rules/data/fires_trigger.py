"""ZD410: rows are written to a table whose trigger writes to another one."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Trigger
from zdmigrate.history.effects.naming import in_schema_of
from zdmigrate.history.syntax import Delete, Insert, LoadData, Update
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.functions import functions_called
from zdmigrate.verdict.rules.routines.body import effects
from zdmigrate.verdict.rules.routines.triggers import place, reach
from zdmigrate.verdict.rules.wording import listed

ID = "ZD410"


def judge(subject: Insert | Update | Delete | LoadData, context: Context) -> Iterator[Finding]:
    """What the statement writes is not all that is written."""
    tables, events = _written(subject)
    written = {(table, event) for name in tables for table in _behind(name, context) for event in events}
    fired: dict[str, Trigger] = {}
    while written:
        table, event = written.pop()
        for key, trigger in context.before.triggers.items():
            if key not in fired and trigger.table == table and event in trigger.event.upper().split(" OR "):
                fired[key] = trigger
                for write in effects(trigger.body).writes:
                    name = in_schema_of(table, write.table)
                    written |= {(behind, each) for behind in _behind(name, context) for each in _EVENTS[write.verb]}
    for _, trigger in sorted(fired.items()):
        yield from _fired(trigger, context)


#: The events a statement in a trigger's body may be: an INSERT may have ON DUPLICATE KEY UPDATE.
_EVENTS = {
    "INSERT": ("INSERT", "UPDATE"),
    "REPLACE": ("INSERT", "DELETE"),
    "UPDATE": ("UPDATE",),
    "DELETE": ("DELETE",),
}


def _behind(name: str, context: Context) -> tuple[str, ...]:
    """The tables whose triggers a write to `name` may fire: itself, or those that the view reads."""
    if name in context.before.temporary:
        return ()
    view = context.before.views.get(name)
    return (name,) if view is None else view.tables


def _written(node: Insert | Update | Delete | LoadData) -> tuple[tuple[str, ...], set[str]]:
    """The tables a statement writes, and the events it may be for their triggers."""
    match node:
        case Insert(table=table, verb="REPLACE"):
            return (table,), {"INSERT", "DELETE"}
        case Insert(table=table, on_duplicate=on_duplicate):
            return (table,), {"INSERT", "UPDATE"} if on_duplicate else {"INSERT"}
        case Update(tables=tables):
            return tables, {"UPDATE"}
        case Delete(tables=tables):
            return tables, {"DELETE"}
        case LoadData(table=table):
            return (table,), {"INSERT", "DELETE"}


def _fired(trigger: Trigger, context: Context) -> Iterator[Finding]:
    found = reach(trigger, context)
    calls = dict.fromkeys((*found.effects.calls, *functions_called(trigger.body, context)))
    own = trigger.table
    elsewhere = [name for name in found.seen if name != own and not name.startswith(f"{own}.")]
    if calls:
        yield Finding(
            ID,
            Verdict.UNKNOWN,
            Verdict.SAFE,
            Phase.NEUTRAL,
            f"This fires {trigger.name} ({place(trigger)}), which calls {listed(f'{name}()' for name in calls)}: what "
            "that writes is not known.",
            remedy=f"Have a person read what {trigger.name} does with these rows, and write a waiver.",
            table=own,
        )
    elif elsewhere:
        yield Finding(
            ID,
            Verdict.CONDITIONAL,
            Verdict.SAFE,
            Phase.NEUTRAL,
            f"This fires {trigger.name} ({place(trigger)}), which writes {listed(elsewhere)} for every row: old code "
            "reads that.",
            conditions=(
                Condition(
                    "trigger-writes-suit-old-code",
                    "code",
                    f"What {trigger.name} makes of these rows in {listed(elsewhere)} is what old code could have made.",
                ),
            ),
            table=own,
        )


RULE = Rule(id=ID, title="write that fires a trigger", on=(Insert, Update, Delete, LoadData), facts=(69,), judge=judge)
