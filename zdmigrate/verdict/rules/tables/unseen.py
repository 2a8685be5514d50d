"""ZD112: a table whose definition was never seen is altered."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history import syntax as s
from zdmigrate.verdict.differences import (
    PartitioningChanged,
    SystemVersioningChanged,
    TableOptionChanged,
    UnseenTableAltered,
)
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.tables import change_engine, change_option, partitions, rebuild, versioning
from zdmigrate.verdict.rules.wording import sql_default


def judge(unseen: UnseenTableAltered, context: Context) -> Iterator[Finding]:
    """What is the same for every table is judged; the rest is unknown until the schema is given."""
    table, action = unseen.table, unseen.action
    old_code = context.old_code
    if old_code.proven and not old_code.maps_table(table):
        yield Finding(
            RULE.id,
            Verdict.SAFE,
            Verdict.UNKNOWN,
            Phase.CONTRACT,
            f"No deployed version maps {table}. Its definition was never seen, so what new code needs is not known.",
            _GIVE_SCHEMA,
            table=table,
            evidence=old_code.quote(table),
        )
        return
    match action:
        case s.SetOptions(options=options):
            for name, value in options:
                changed = TableOptionChanged(table, name, None, value)
                yield from change_engine.judge(changed, context)
                yield from change_option.judge(changed, context)
        case s.PartitionBy(partitioning=partitioning):
            yield from partitions.judge(PartitioningChanged(table, None, partitioning), context)
        case s.AlterPartitions(operation="REMOVE"):
            yield from partitions.judge(PartitioningChanged(table, None, None), context)
        case s.AlterPartitions():
            yield partitions.judge_clause(table, action, context)
        case s.Rebuild():
            yield _safe(table, f"{table} is rebuilt as it is: every row stays, and every statement means the same.")
        case s.OtherAction(text=text):
            yield rebuild.other_action(table, text, context) or _safe(
                table, f"{text} changes nothing statements can see in {table}."
            )
        case s.SetSystemVersioning(enabled=enabled):
            yield from versioning.judge(SystemVersioningChanged(table, enabled), context)
        case s.SetColumnVisibility(name=name):
            yield _safe(table, f"{table}.{name} is shown or hidden: statements that list their columns go on.", name)
        case s.RenameKey(old=old, new=new):
            yield _safe(table, f"Index {old} of {table} is called {new}: only an index hint would notice.")
        case s.SetColumnDefault(name=name, default=default):
            value = "NULL" if default is None else sql_default(default)
            yield _set_default(table, name, value)
        case s.ModifyColumn(old_name=old, column=column) if old.lower() != column.name.lower():
            yield _renamed(table, old, column.name, context)
        case _:
            yield _unknown(table, action)


_GIVE_SCHEMA = (
    "Give the schema old code was written for: --schema dump.sql (from mysqldump --no-data), --metadata "
    "pkg.module:Base.metadata, or --url to read it from a server."
)


def _safe(table: str, reason: str, column: str | None = None) -> Finding:
    return Finding(RULE.id, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, reason, table=table, column=column)


def _set_default(table: str, name: str, value: str) -> Finding:
    where = f"{table}.{name}"
    return Finding(
        RULE.id,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.EXPAND,
        f"An INSERT that leaves out {where} now stores {value}; what it stored before is in a definition never seen.",
        _GIVE_SCHEMA,
        conditions=(
            Condition(
                "default-not-relied-on",
                "code",
                f"Old code names {where} in every INSERT, or means the same by {value} as by what it was.",
            ),
        ),
        new_conditions=(
            Condition("new-code-writes-value", "code", f"New code names {where} in every INSERT until this has run."),
        ),
        table=table,
        column=name,
    )


def _renamed(table: str, old: str, new: str, context: Context) -> Finding:
    old_code = context.old_code
    evidence = old_code.quote(table, old) if old_code.proven and not old_code.maps_column(table, old) else ""
    return Finding(
        RULE.id,
        Verdict.UNKNOWN if evidence else Verdict.UNSAFE,
        Verdict.UNSAFE,
        Phase.SPLIT,
        f"No deployed version maps {table}.{old}; what else CHANGE does to it cannot be told, the definition of "
        f"{table} was "
        "never seen."
        if evidence
        else f"Old code names {table}.{old}: its statements fail with 1054 (Unknown column '{old}'). New code fails "
        "on the "
        f"old schema, where there is no {new}.",
        _GIVE_SCHEMA if evidence else f"Add {new}, write both, fill it in batches, and drop {old} in contract.",
        table=table,
        column=old,
        evidence=evidence,
    )


def _unknown(table: str, action: s.AlterAction) -> Finding:
    column = action.column.name if isinstance(action, s.ModifyColumn) else None
    if isinstance(action, s.DropColumnDefault):
        column = action.name
    return Finding(
        RULE.id,
        Verdict.UNKNOWN,
        Verdict.UNKNOWN,
        Phase.CONTRACT,
        f"{_words(action)} on {table}, whose definition was never seen: whether old code survives it depends on that.",
        _GIVE_SCHEMA,
        table=table,
        column=column,
    )


def _words(action: s.AlterAction) -> str:
    match action:
        case s.ModifyColumn(column=column):
            return f"MODIFY {column.name}"
        case s.DropColumnDefault(name=name):
            return f"DROP DEFAULT of {name}"
        case s.DropKey(name=name):
            return f"DROP INDEX {name}"
        case s.DropForeignKey(name=name):
            return f"DROP FOREIGN KEY {name}"
        case s.DropCheck(name=name):
            return f"DROP CHECK {name}"
        case s.DropConstraint(name=name):
            return f"DROP CONSTRAINT {name}"
        case s.SetCheckEnforced(name=name, enforced=enforced):
            return f"ALTER CHECK {name} {'ENFORCED' if enforced else 'NOT ENFORCED'}"
        case s.SetKeyVisibility(name=name, visible=visible):
            return f"ALTER INDEX {name} {'VISIBLE' if visible else 'INVISIBLE'}"
        case s.ConvertCharset(charset=charset):
            return f"CONVERT TO CHARACTER SET {charset or 'DEFAULT'}"
        case _:
            return type(action).__name__


RULE = Rule("ZD112", "table altered whose definition was never seen", (UnseenTableAltered,), (68,), judge)
