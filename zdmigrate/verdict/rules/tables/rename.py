"""ZD105: a table is renamed."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Table
from zdmigrate.history.syntax import CreateView, RenameTable
from zdmigrate.verdict.differences import TableRenamed
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.wording import listed, quoted, repr_name, steps


def judge(subject: TableRenamed | RenameTable, context: Context) -> Iterator[Finding]:
    """Both versions break, unless another table or view takes the name in the same statement."""
    if isinstance(subject, TableRenamed):
        yield _renamed(subject.table, subject.new_name, context)
        return
    for old, new in subject.pairs:
        known = context.before.table(old)
        seen = known is not None and known.complete
        if old in context.before.temporary or (known is not None and context.base.table_by_uid(known.uid) is not None):
            continue
        if known is None and context.before.complete:
            continue  # IF EXISTS, or a table that an earlier pair of this statement made
        if not seen and old not in context.base.tables and old not in context.before.views:
            yield _renamed(old, new, context)


def _renamed(table: str, new_name: str, context: Context) -> Finding:
    old_code = context.old_code
    evidence = old_code.quote(table) if old_code.proven and not old_code.maps_table(table) else ""
    successor = context.after.table(table)
    old, new, phase = Verdict.UNSAFE, Verdict.UNSAFE, Phase.SPLIT
    conditions: tuple[Condition, ...] = ()
    left = _left_behind(table, new_name, context) if successor is not None and not evidence else ""
    reason = f"Every statement of old code on {table} fails with 1146 (Table '{table}' doesn't exist)."
    if evidence:
        old, phase, reason = Verdict.SAFE, Phase.EXPAND, f"No deployed version maps {table}."
    elif successor is not None:
        missing = _missing(context.base.table(table), successor)
        if left:
            new = Verdict.SAFE
            reason = (
                f"Another table takes the name {table}, but {left} goes on pointing to {new_name}: an INSERT of old "
                f"code that names a row written to {table} from now on fails with 1452."
            )
        elif missing:
            reason = f"Another table takes the name {table}, without {listed(missing)}: old code fails with 1054."
        else:
            old, new, phase = Verdict.CONDITIONAL, Verdict.SAFE, Phase.EXPAND
            reason = f"In the same statement another table takes the name {table}: old code goes on with that one."
            conditions = (_complete(table, new_name),)
    elif table in context.after.views:
        old, phase = Verdict.CONDITIONAL, Phase.EXPAND
        reason = f"In the same statement the view {table} takes the name: old code goes on through it."
        conditions = (_updatable(table),)
    elif any(isinstance(node, CreateView) and node.name == table for node in context.following):
        old, phase = Verdict.CONDITIONAL, Phase.EXPAND
        reason = (
            f"A later statement makes a view {table} in the table's place; until then every statement of old code on "
            f"{table} fails with 1146."
        )
        conditions = (
            Condition(
                "gap-is-tolerated",
                "workload",
                f"No statement of old code reaches {table} between the two statements, or it is tried again: DDL is "
                "not transactional.",
            ),
            _updatable(table),
        )
    if new is Verdict.UNSAFE:
        reason += f" New code fails on the old schema with 1146 (Table '{new_name}' doesn't exist)."
    return Finding(
        RULE.id,
        old,
        new,
        phase,
        reason,
        "" if old is not Verdict.UNSAFE else _recipe(table, new_name) if not left else _recipe_with_keys(table, left),
        conditions=conditions,
        table=table,
        evidence=evidence,
    )


def _left_behind(table: str, new_name: str, context: Context) -> str:
    """The foreign keys that old code's child rows go through, and that follow the renamed table; "" of none."""
    found: list[str] = []
    for child, foreign_key in context.after.references_to(new_name):
        now = context.after.tables[child]
        known = context.base.table_by_uid(now.uid)
        if known is not None and child != new_name and context.old_code.maps_table(known[0]):
            found.append(f"foreign key {foreign_key.name} of {child}")
    return listed(found)


def _missing(before: Table | None, after: Table) -> list[str]:
    if before is None:
        return []
    return [column.name for column in before.columns if after.column(column.name) is None]


def _updatable(table: str) -> Condition:
    return Condition("view-is-updatable", "workload", f"View {table} has every column and row, and can be written to.")


def _complete(table: str, new_name: str) -> Condition:
    return Condition(
        "copy-is-complete",
        "person",
        f"The table that takes the name {table} holds every row of the one now called {new_name}, those written "
        "meanwhile included.",
    )


def _recipe_with_keys(table: str, left: str) -> str:
    return steps(
        ("expand", f"drop {left}, and look after what it kept (orphans may come)"),
        ("migrate", f"swap {table} then"),
        ("contract", f"add the same key to the new {table}, once no child row is without its parent"),
    )


def _recipe(table: str, new_name: str) -> str:
    name = new_name.rpartition(".")[2]
    return (
        f"Keep the table and rename the class: __tablename__ = {repr_name(table.rpartition('.')[2])}.\n"
        "Or move the rows, one release a step:\n"
    ) + steps(
        ("expand", f"op.create_table({repr_name(name)}, ...)"),
        ("deploy", f"the version that writes both {table} and {new_name} and reads {table}"),
        ("migrate", f"INSERT IGNORE INTO {quoted(new_name)} SELECT ... FROM {quoted(table)}, in batches"),
        ("deploy", f"the version that uses only {new_name}"),
        ("contract", f"op.drop_table({repr_name(table)})"),
    )


RULE = Rule("ZD105", "table renamed", (TableRenamed, RenameTable), (5,), judge)
