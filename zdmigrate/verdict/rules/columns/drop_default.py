"""ZD211: a column loses its default."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Column
from zdmigrate.history.syntax import AlterTable, DropColumnDefault
from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import always_written, at, changed_here, loosely, unmapped, untouched
from zdmigrate.verdict.rules.origin import living, target
from zdmigrate.verdict.rules.wording import op_execute, op_set_default, quoted, sa_default, sql_default, steps


def judge(subject: ColumnChanged | AlterTable, context: Context) -> Iterator[Finding]:
    """NOT NULL: INSERTs that leave it out fail (1364). Nullable: they store NULL instead."""
    if isinstance(subject, ColumnChanged):
        yield from _changed(subject, context)
        return
    for action in subject.actions:
        if isinstance(action, DropColumnDefault) and not _is_difference(subject.name, action.name, context):
            yield from _left_bare(subject.name, action.name, context)


def _is_difference(name: str, column: str, context: Context) -> bool:
    """Whether old code knows another default, so that a ColumnChanged comes for it too and speaks of it."""
    known = target(context, name).old_column(column)
    return known is not None and known.default is not None


def leaves_bare(column: Column | None, context: Context) -> bool:
    """Whether DROP DEFAULT makes INSERTs without this column fail although it is nullable or counts by itself.

    MySQL then asks for a value as of a NOT NULL column: only a stated DEFAULT NULL is one. MariaDB stores NULL, and
    for an ENUM so does MySQL.
    """
    if column is None or context.target.is_mariadb or column.generated is not None or column.default is not None:
        return False
    return (column.nullable and column.type.name != "enum") or column.auto_increment


def _left_bare(name: str, column_name: str, context: Context) -> Iterator[Finding]:
    """MySQL: DROP DEFAULT of a column that needed none."""
    known = target(context, name)
    table = known.old_name
    now = living(context.after, context, table)
    after = now.column(column_name) if now is not None and now.complete else None
    if known.new or after is None or not leaves_bare(after, context):
        return
    before = known.old_column(after.name)
    evidence = untouched(table, context) or (always_written(table, before, context) if before is not None else "")
    repair = op_execute(f"ALTER TABLE {quoted(name)} ALTER {quoted(after.name)} SET DEFAULT NULL")
    if after.auto_increment:
        repair = "leave the column as it is: AUTO_INCREMENT is all the default it needs"
    yield Finding(
        RULE.id,
        Verdict.SAFE if evidence else Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"After DROP DEFAULT MySQL takes no INSERT that leaves out {at(table, after)}, also where NULL is allowed: it "
        f"fails with 1364 (Field '{after.name}' doesn't have a default value)"
        + (", and no deployed version sends one." if evidence else "; old code sends such INSERTs.")
        + loosely(context),
        "" if evidence else steps(("expand", repair)),
        table=table,
        column=after.name,
        evidence=evidence,
    )


def _bare_table(change: ColumnChanged, context: Context) -> str | None:
    """The table as this statement calls it when it says DROP DEFAULT of the column and MySQL then asks for a value."""
    if not isinstance(context.node, AlterTable) or not leaves_bare(change.after, context):
        return None
    name = change.after.name.lower()
    dropped = any(isinstance(item, DropColumnDefault) and item.name.lower() == name for item in context.node.actions)
    return context.node.name if dropped else None


def _changed(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    before, after = change.before, change.after
    here = changed_here(change, context) & {"default", "nullable", "auto_increment", "generated"}
    if before.default is None or after.default is not None or not here:
        return
    bare = _bare_table(change, context)
    if bare is not None:
        yield from _left_bare(bare, after.name, context)
        return
    if after.generated is not None or after.auto_increment:
        return
    where, was = at(change.table, before), sql_default(before.default)
    evidence = always_written(change.table, before, context) or untouched(change.table, context)
    conditions: tuple[Condition, ...] = ()
    if evidence:
        old = Verdict.SAFE
        reason = f"No INSERT of the deployed versions leaves out {where}, so none relies on DEFAULT {was}."
    elif not after.nullable:
        old = Verdict.UNSAFE
        reason = (
            f"INSERTs of old code that leave out {where} relied on DEFAULT {was}; it is NOT NULL, so they fail with "
            f"1364 (Field '{after.name}' doesn't have a default value).{loosely(context)}"
        )
    elif evidence := unmapped(change.table, before.name, context):
        old = Verdict.SAFE
        reason = (
            f"No deployed version maps {where}: rows it inserts hold NULL there instead of {was}, which it never reads."
        )
    else:
        old = Verdict.CONDITIONAL
        reason = f"INSERTs of old code that leave out {where} now store NULL where they stored {was}."
        conditions = (
            Condition(
                "default-not-relied-on",
                "code",
                f"Old code either names {where} in every INSERT or means the same by NULL as by {was}.",
            ),
        )
    remedy = ""
    if old is not Verdict.SAFE:
        first = op_set_default(change.table, before, sa_default(before.default))
        remedy = steps(
            ("expand", f"keep the default: {first}"),
            ("deploy", f"the version that writes {where} in every INSERT"),
            ("contract", op_set_default(change.table, before, "None")),
        )
    yield Finding(
        RULE.id,
        old,
        Verdict.SAFE,
        Phase.CONTRACT,
        reason,
        remedy,
        conditions=conditions,
        table=change.table,
        column=before.name,
        evidence=evidence,
    )


RULE = Rule("ZD211", "column default removed", (ColumnChanged, AlterTable), (31, 32), judge)
