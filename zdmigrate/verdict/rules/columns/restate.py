"""ZD232: a column is defined as it already was."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Column, Table
from zdmigrate.history.recording import RecordedStatement
from zdmigrate.history.syntax import AlterTable, ModifyColumn, Position
from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, changed_here


def judge(subject: RecordedStatement | ColumnChanged, context: Context) -> Iterator[Finding]:
    """Neutral: nothing changes, or a definition goes back to what old code knows."""
    if isinstance(subject, ColumnChanged):
        here = changed_here(subject, context)
        if not subject.aspects & here and not (here & {"default", "nullable"}):
            yield _neutral(
                subject.table,
                subject.before,
                "goes back, as far as this statement goes, to what old code knows",
            )
        return
    node = context.node
    if subject.refusal is not None or not isinstance(node, AlterTable):
        return
    table = context.before.table(node.name)
    now = context.after.table_by_uid(table.uid) if table is not None else None
    if table is None or now is None:
        return
    for action in node.actions:
        if isinstance(action, ModifyColumn):
            before = table.column(action.old_name)
            after = now[1].column_by_uid(before.uid) if before is not None else None
            if before is not None and before == after and _place(table, before) == _place(now[1], before):
                yield _neutral(node.name, before, "is defined as it already was: nothing changes")


def _place(table: Table, column: Column) -> Position:
    names = [item.uid for item in table.columns]
    index = names.index(column.uid)
    return Position(table.columns[index - 1].name if index else None)


def _neutral(table: str, column: Column, text: str) -> Finding:
    return Finding(
        RULE.id,
        Verdict.SAFE,
        Verdict.SAFE,
        Phase.NEUTRAL,
        f"{at(table, column)} {text}.",
        table=table,
        column=column.name,
    )


RULE = Rule("ZD232", "column restated", (RecordedStatement, ColumnChanged), (), judge)
