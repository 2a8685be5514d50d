"""ZD207: a column is renamed, or another column takes over the name old code uses."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Column
from zdmigrate.verdict.differences import ColumnAdded, ColumnRenamed
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, before_statement, generated_write_error, unmapped
from zdmigrate.verdict.rules.origin import living
from zdmigrate.verdict.rules.wording import op_add_column, op_drop_column, quoted, repr_name, sa_column, sa_type, steps


def takes_over(added: ColumnAdded, context: Context) -> bool:
    """Whether an added column has the name of a column that old code knows (which was renamed)."""
    table = context.base.table(added.table)
    return table is not None and table.column(added.column.name) is not None


def judge(subject: ColumnRenamed | ColumnAdded, context: Context) -> Iterator[Finding]:
    """Both versions break: each names the column the other way."""
    if isinstance(subject, ColumnAdded):
        if takes_over(subject, context):
            yield _taken_over(subject, context)
        return
    before, after = subject.before, subject.after
    where = at(subject.table, before)
    earlier = before_statement(subject.table, after, context)
    if earlier is not None and earlier.name.lower() == after.name.lower():
        yield Finding(
            RULE.id,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.NEUTRAL,
            f"An earlier statement of this release renamed {where} to {after.name}; this one does not.",
            table=subject.table,
            column=before.name,
        )
        return
    evidence = unmapped(subject.table, before.name, context)
    successor = _of_that_name(subject.table, before.name, context)
    if evidence:
        old, phase = Verdict.SAFE, Phase.EXPAND
        reason = f"No deployed version maps {where}."
    elif successor is not None:
        old, phase = Verdict.UNSAFE, Phase.SPLIT
        reason = f"Old code's {where} is called {after.name} now, and {_misdirected(successor, context)}"
    else:
        old, phase = Verdict.UNSAFE, Phase.SPLIT
        reason = (
            f"Old code names {where}: its SELECT, INSERT and UPDATE fail with 1054 (Unknown column '{before.name}')."
        )
    yield Finding(
        RULE.id,
        old,
        Verdict.UNSAFE,
        phase,
        f"{reason} New code on the old schema fails with 1054 (Unknown column '{after.name}').",
        "" if old is Verdict.SAFE else _recipe(subject),
        table=subject.table,
        column=before.name,
        evidence=evidence,
    )


def _recipe(renamed: ColumnRenamed) -> str:
    before, after, table = renamed.before, renamed.after, renamed.table
    seen = after.type.name != "unknown"
    column = sa_column(after, nullable=True) if seen else f"sa.Column({repr_name(after.name)}, ..., nullable=True)"
    mapped = sa_type(before.type) if seen else "..."
    return (
        f"Keep the column and rename the attribute: {after.name} = mapped_column({repr_name(before.name)}, {mapped}).\n"
        "Or move the values, one release a step:\n"
    ) + steps(
        ("expand", op_add_column(table, column)),
        ("deploy", f"the version that writes both {before.name} and {after.name} and reads {before.name}"),
        (
            "migrate",
            f"UPDATE {quoted(table)} SET {quoted(after.name)} = {quoted(before.name)} WHERE {quoted(after.name)} IS "
            "NULL, "
            "in batches",
        ),
        ("deploy", f"the version that maps only {after.name}"),
        ("contract", op_drop_column(table, before.name)),
    )


def _taken_over(added: ColumnAdded, context: Context) -> Finding:
    evidence = unmapped(added.table, added.column.name, context)
    where = at(added.table, added.column)
    reason = f"Old code uses {where}, which is another column now: {_misdirected(added.column, context)}"
    if evidence:
        reason = f"{where} is another column now, and no deployed version maps it."
    return Finding(
        RULE.id,
        Verdict.SAFE if evidence else Verdict.UNSAFE,
        Verdict.UNSAFE,
        Phase.EXPAND if evidence else Phase.SPLIT,
        reason,
        "" if evidence else f"Give the added column a name old code does not use, and leave {where} as it is.",
        table=added.table,
        column=added.column.name,
        evidence=evidence,
    )


def _misdirected(successor: Column, context: Context) -> str:
    if successor.generated is not None:
        return (
            f"{successor.name} is a generated column: SELECTs work, but INSERTs and UPDATEs that name it fail with "
            f"{generated_write_error(context)} (value specified for generated column '{successor.name}')."
        )
    return f"its statements read and write a new column {successor.name} that does not hold its values."


def _of_that_name(table: str, name: str, context: Context) -> Column | None:
    found = living(context.after, context, table)
    return found.column(name) if found is not None else None


RULE = Rule("ZD207", "column renamed", (ColumnRenamed, ColumnAdded), (26,), judge)
