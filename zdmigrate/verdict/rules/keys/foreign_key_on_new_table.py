"""ZD321: a table created in this release points at one old code writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from zdmigrate.verdict.differences import ForeignKeyAdded
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.code import op_create_foreign_key
from zdmigrate.verdict.rules.keys.parents import (
    on_parent_delete,
    on_parent_update,
    parent_is_new,
    parent_name,
    tolerates_children,
)
from zdmigrate.verdict.rules.wording import steps

ID = "ZD321"


def judge(subject: ForeignKeyAdded, context: Context) -> Iterator[Finding]:
    """Old code never writes the child; its writes of the parent meet the children that new code makes."""
    if not subject.new_table:
        return
    table, foreign_key = subject.table, subject.foreign_key
    parent = parent_name(context, foreign_key)
    column = foreign_key.columns[0] if len(foreign_key.columns) == 1 else None
    name = foreign_key.name or "the foreign key"
    if parent_is_new(context, foreign_key):
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.EXPAND,
            f"{table} and {parent} are both created in this release: old code writes neither.",
            table=table,
            column=column,
        )
        return
    if not context.old_code.maps_table(parent):
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.EXPAND,
            f"Old code does not map {parent}, so it deletes no row that {table} points at by {name}.",
            table=table,
            column=column,
            evidence=context.old_code.quote(parent),
        )
        return
    tolerant = replace(foreign_key, on_delete="CASCADE")
    lines = [
        ("expand", f"create {table} without {name}, with an index on ({', '.join(foreign_key.columns)})"),
        ("deploy", f"code that removes rows of {table} before it deletes their {parent} row"),
        ("contract", op_create_foreign_key(table, foreign_key)),
    ]
    if foreign_key.on_delete in ("RESTRICT", "NO ACTION"):
        lines.append(("expand", f"or, when the rows of {table} may go too: {op_create_foreign_key(table, tolerant)}"))
    yield Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.EXPAND,
        f"Old code does not know {table}, but when new code has put rows there, a DELETE of a {parent} row by old "
        f"code {on_parent_delete(table, foreign_key)}; an UPDATE of its {', '.join(foreign_key.ref_columns)} "
        f"{on_parent_update(table, foreign_key)}.",
        remedy=steps(*lines),
        conditions=(tolerates_children(table, parent, foreign_key),),
        table=table,
        column=column,
    )


RULE = Rule(id=ID, title="foreign key of a new table", on=(ForeignKeyAdded,), facts=(2,), judge=judge)
