"""ZD103: a table is dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator

from zdmigrate.history.syntax import DropTable
from zdmigrate.verdict.differences import TableDropped
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.names import doubt, not_known
from zdmigrate.verdict.rules.wording import listed, op_drop_table, op_rename_table, steps


def judge(subject: TableDropped | DropTable, context: Context) -> Iterator[Finding]:
    """Unsafe while a deployed version maps it, or a view it maps reads it."""
    if isinstance(subject, TableDropped):
        yield _dropped(subject.table, context)
        return
    for name in () if subject.temporary else subject.names:
        yield from _named(name, subject.if_exists, context)


def _named(name: str, if_exists: bool, context: Context) -> Iterator[Finding]:
    """What no difference tells: tables never seen, tables of this release, tables that are not there."""
    known = context.before.table(name)
    if name in context.before.temporary:
        yield _harmless(name, f"{name} is a temporary table of this session.")
    elif known is not None and context.base.table_by_uid(known.uid) is not None:
        return
    elif known is not None and (known.complete or context.base.complete):
        triggers = _triggers_naming(name, context)
        if triggers:
            yield _broken_triggers(name, triggers)
            return
        yield _harmless(name, f"{name} was created in this release: old code does not know it.")
    elif known is not None or not context.before.complete:
        yield _dropped(name, context)
    elif if_exists and (why := doubt(name, context)):
        yield not_known(
            RULE.id, f"DROP TABLE IF EXISTS {name}: {why}. Whether a table goes that old code uses is not known.", name
        )
    elif if_exists:
        yield _harmless(name, f"There is no table {name}: IF EXISTS makes this statement do nothing.")


def _triggers_naming(table: str, context: Context) -> list[str]:
    """Triggers that are left on other tables old code writes to, and name the dropped table."""
    name = re.compile(rf"(?<![\w`]){re.escape(table)}(?!\w)|`{re.escape(table)}`", re.IGNORECASE)
    return [
        trigger.name
        for trigger in context.after.triggers.values()
        if trigger.table != table
        and trigger.table in context.base.tables
        and context.old_code.maps_table(trigger.table)
        and name.search(trigger.body)
    ]


def _broken_triggers(table: str, triggers: list[str]) -> Finding:
    return Finding(
        RULE.id,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"Trigger {listed(triggers)} still names {table}: old code's writes that fire it fail with 1146 "
        f"(Table '{table}' doesn't exist).",
        steps(("contract", f"drop or change trigger {listed(triggers)}"), ("contract", op_drop_table(table))),
        table=table,
    )


def _harmless(table: str, reason: str) -> Finding:
    return Finding(RULE.id, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, reason, table=table)


def _dropped(table: str, context: Context) -> Finding:
    old_code = context.old_code
    proven = old_code.proven and not old_code.maps_table(table)
    views = [
        view.name for view in context.after.views.values() if table in view.tables and old_code.maps_table(view.name)
    ]
    triggers = _triggers_naming(table, context)
    if proven and triggers and not views:
        return _broken_triggers(table, triggers)
    safe = proven and not views
    if views and proven:
        reason = f"View {listed(views)} still reads {table}: old code that reads the view fails with 1356."
    elif proven:
        reason = f"No deployed version maps {table}."
    else:
        reason = f"Every statement of old code on {table} fails with 1146 (Table '{table}' doesn't exist)."
    return Finding(
        RULE.id,
        Verdict.SAFE if safe else Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        reason + " Its rows are gone for good.",
        ""
        if safe
        else steps(
            ("deploy", f"a version that neither uses nor maps {table}"),
            ("contract", f"{op_rename_table(table, table + '_old')}  # wait, then"),
            ("contract", op_drop_table(table)),
        )
        + "\nProve it with --deployed MANIFEST or the live fleet: then this is safe.",
        table=table,
        evidence=old_code.quote(table) if proven else "",
    )


RULE = Rule("ZD103", "table dropped", (TableDropped, DropTable), (4,), judge)
