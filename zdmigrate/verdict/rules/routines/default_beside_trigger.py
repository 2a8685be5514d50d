"""ZD514: a DEFAULT that reads other columns meets a BEFORE INSERT trigger: MySQL loses the default."""

from __future__ import annotations

import re
from collections.abc import Iterator

from zdmigrate.history.catalog import Column, Table, Trigger
from zdmigrate.verdict.differences import ColumnAdded, ColumnChanged, TriggerChanged, TriggerCreated
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import changed_here, unmapped, untouched
from zdmigrate.verdict.rules.origin import base_column, living
from zdmigrate.verdict.rules.wording import listed, sql_default, steps

ID = "ZD514"


def judge(
    subject: TriggerCreated | TriggerChanged | ColumnAdded | ColumnChanged, context: Context
) -> Iterator[Finding]:
    """MySQL 9.7.4, run: INSERTs that leave the column out silently store NULL, or '' or 0 where it is NOT NULL."""
    if context.target.is_mariadb:
        return  # 10.11.19, run: the default is computed
    if isinstance(subject, TriggerCreated | TriggerChanged):
        trigger = subject.trigger if isinstance(subject, TriggerCreated) else subject.after
        table = context.after.table(trigger.table)
        if table is None or not _before_insert(trigger):
            return
        columns = [column for column in table.columns if _reads_others(column, table)]
        name, triggers = trigger.table, [trigger]
    else:
        column = subject.column if isinstance(subject, ColumnAdded) else subject.after
        if isinstance(subject, ColumnChanged) and "default" not in changed_here(subject, context):
            return
        table = living(context.after, context, subject.table)
        if table is None or not _reads_others(column, table):
            return
        name, columns = table.name, [column]
        triggers = [item for item in context.after.triggers.values() if item.table == name and _before_insert(item)]
    for column in columns if triggers else []:
        yield _finding(name, column, triggers, context)


def _finding(table: str, column: Column, triggers: list[Trigger], context: Context) -> Finding:
    known = base_column(context, table, column.name)
    evidence = untouched(table, context) or unmapped(table, column.name, context)
    harmful = known is not None and not evidence
    lost = "NULL" if column.nullable else "the implicit value of its type ('' or 0)"
    where = f"{table}.{column.name}"
    seen = ", and old code reads that." if harmful else "; old code does not read it, yet the rows are wrong."
    condition = Condition(
        "default-not-relied-on",
        "code",
        f"Every INSERT into {table}, of old and new code, names {column.name}, or {lost} is right there.",
    )
    return Finding(
        ID,
        Verdict.UNSAFE if harmful else Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.EXPAND,
        f"{where} has a DEFAULT that reads other columns{_default(column)}, and {table} has the BEFORE INSERT trigger "
        f"{listed(item.name for item in triggers)}: on MySQL an INSERT that leaves it out then stores {lost}, "
        f"without an error or a warning{seen}",
        steps(
            ("expand", f"no DEFAULT that reads other columns; set NEW.{column.name} in the trigger where it is NULL"),
        ),
        conditions=() if harmful else (condition,),
        table=table,
        column=column.name,
        evidence=evidence,
    )


def _default(column: Column) -> str:
    return "" if column.default is None else f", {sql_default(column.default)}"


def _before_insert(trigger: Trigger) -> bool:
    return trigger.timing.upper() == "BEFORE" and "INSERT" in trigger.event.upper()


def _reads_others(column: Column, table: Table) -> bool:
    if column.default is None or column.default.kind != "expression":
        return False
    words = set(re.findall(r"[a-z_$][\w$]*", re.sub(r"'[^']*'", "", column.default.text.lower())))
    return not words.isdisjoint(item.name.lower() for item in table.columns)


RULE = Rule(
    id=ID,
    title="DEFAULT over other columns beside a BEFORE INSERT trigger",
    on=(TriggerCreated, TriggerChanged, ColumnAdded, ColumnChanged),
    facts=(),
    judge=judge,
)
