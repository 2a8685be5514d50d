"""ZD231: MODIFY or CHANGE drops what it does not restate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from zdmigrate.history.catalog import Column, ColumnType, Table
from zdmigrate.history.syntax import AlterTable, ModifyColumn
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at
from zdmigrate.verdict.rules.wording import (
    existing_arguments,
    listed,
    op_alter_column,
    op_execute,
    quoted,
    repr_name,
    sa_default,
    sa_type,
    sql_column,
    sql_default,
)


def judge(node: AlterTable, context: Context) -> Iterator[Finding]:
    """A definition that changes one thing and leaves another out: was that meant?"""
    table = context.before.table(node.name)
    if table is None or context.base.table_by_uid(table.uid) is None:
        return
    now = context.after.table_by_uid(table.uid)
    for action in node.actions:
        if not isinstance(action, ModifyColumn) or now is None:
            continue
        before = table.column(action.old_name)
        after = now[1].column_by_uid(before.uid) if before is not None else None
        if before is None or after is None:
            continue
        lost = dict(_lost(before, after, action, now[1]))
        meant = _meant(before, after, action, lost)
        if lost and len(lost) + len(meant) > 1:
            yield _finding(node.name, before, after, lost, meant)


def _lost(before: Column, after: Column, action: ModifyColumn, table: Table) -> Iterator[tuple[str, str]]:
    """(attribute as SQL writes it, the `existing_*` argument that keeps it) for all that is gone."""
    if before.generated is not None and after.generated is None:
        yield f"GENERATED ALWAYS AS ({before.generated.expression})", ""
        return
    if not before.nullable and after.nullable:
        yield "NOT NULL", "existing_nullable=False"
    if before.default is not None and after.default is None and after.generated is None:
        default = existing_arguments(before)["existing_server_default"]
        yield f"DEFAULT {sql_default(before.default)}", f"existing_server_default={default}"
    if before.on_update is not None and after.on_update is None:
        default = sa_default(before.default) if before.default is not None else "NULL"
        kept = existing_arguments(before).get(
            "existing_server_default", f'sa.text("{default} ON UPDATE {before.on_update}")'
        )
        yield f"ON UPDATE {before.on_update}", f"existing_server_default={kept}"
    if before.auto_increment and not after.auto_increment:
        yield "AUTO_INCREMENT", "existing_autoincrement=True"
    if before.comment and not after.comment:
        yield f"COMMENT {before.comment!r}", f"existing_comment={before.comment!r}"
    if _charset_lost(before.type, after.type, action.column.type, table):
        yield f"COLLATE {before.type.collation}", f"existing_type={_with_collation(before.type)}"
    if before.invisible and not after.invisible:
        yield "INVISIBLE", ""
    if before.srid is not None and after.srid is None:
        yield f"SRID {before.srid}", ""


def _charset_lost(before: ColumnType, after: ColumnType, written: ColumnType, table: Table) -> bool:
    """Whether a charset or collation of the column's own fell back to the table's, not being restated."""
    if before.collation is None or after.collation is None or before.collation == after.collation:
        return False
    return written.charset is None and written.collation is None and after.collation == table.collation


def _with_collation(column_type: ColumnType) -> str:
    if column_type.name == "enum":
        return f"{sa_type(column_type)[:-1]}, collation={column_type.collation!r})"
    arguments = [*map(str, column_type.args), f"collation={column_type.collation!r}"]
    return f"mysql.{column_type.name.upper()}({', '.join(arguments)})"


def _meant(before: Column, after: Column, action: ModifyColumn, lost: dict[str, str]) -> dict[str, str]:
    """What the statement changes without losing it: arguments of `op.alter_column`."""
    found: dict[str, str] = {}
    if after.name.lower() != before.name.lower():
        found["new_column_name"] = repr_name(after.name)
    was, now = before.type, after.type
    if any(words.startswith("COLLATE") for words in lost):
        now = replace(now, charset=was.charset, collation=was.collation)
    if was != now:
        found["type_"] = sa_type(after.type)
    if before.nullable and not after.nullable:
        found["nullable"] = "False"
    if after.default is not None and after.default != before.default:
        found["server_default"] = sa_default(after.default)
    if after.comment and after.comment != before.comment:
        found["comment"] = repr(after.comment)
    if after.auto_increment and not before.auto_increment:
        found["autoincrement"] = "True"
    if after.generated is not None and after.generated != before.generated:
        found["generated"] = f"({after.generated.expression})"
    if after.on_update is not None and after.on_update != before.on_update:
        found["on update"] = after.on_update
    if action.position is not None:
        found["position"] = "FIRST" if action.position.after is None else f"AFTER {action.position.after}"
    return found


_NAMES = {"new_column_name": "name", "type_": "type", "nullable": "nullability", "server_default": "default"}


def _finding(table: str, before: Column, after: Column, lost: dict[str, str], meant: dict[str, str]) -> Finding:
    where, gone = at(table, before), listed(lost)
    arguments = list(dict.fromkeys(value for value in lost.values() if value))
    purpose = listed(_NAMES.get(name, name) for name in meant)
    changes = f"changes the {purpose} of {where} and" if meant else f"redefines {where} and"
    if (
        set(meant) <= {"new_column_name", "type_", "nullable", "server_default", "comment", "autoincrement"}
        and arguments
    ):
        code = op_alter_column(table, before, **(meant or {"existing_type": sa_type(before.type)}))
        if any(value.startswith("existing_type=") for value in arguments):
            code = code.replace(
                f"existing_type={sa_type(before.type)}", f"existing_type={_with_collation(before.type)}"
            )
        remedy = f"Pass {listed(arguments)}:\n{code}"
        if not meant:
            remedy = f"Pass {listed(arguments)} for what is to stay."
    else:
        kept = replace(after, generated=before.generated, invisible=before.invisible, srid=before.srid)
        remedy = "Restate all of it:\n" + op_execute(f"ALTER TABLE {quoted(table)} MODIFY {sql_column(kept)}")
    return Finding(
        RULE.id,
        Verdict.UNKNOWN,
        Verdict.UNKNOWN,
        Phase.NEUTRAL,
        f"This statement {changes} drops its {gone}: MODIFY and CHANGE replace the whole definition, and Alembic "
        "writes "
        "only what op.alter_column was given. Whether that was meant is not in the statement.",
        f"{remedy}\nIf the loss is meant, make it a statement of its own, so that it is judged as such.",
        table=table,
        column=before.name,
    )


RULE = Rule("ZD231", "column attribute lost by a MODIFY", (AlterTable,), (47, 43), judge)
