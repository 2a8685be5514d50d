"""ZD323: a foreign key on the same columns has other actions or another parent."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import ForeignKey
from zdmigrate.verdict.differences import ForeignKeyChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.foreign_key_added import foreign_key_finding
from zdmigrate.verdict.rules.keys.parents import (
    effective,
    on_parent_delete,
    on_parent_update,
    parent_name,
    same_ends,
    same_meaning,
)
from zdmigrate.verdict.rules.origin import living
from zdmigrate.verdict.rules.wording import op_execute, quoted, steps

ID = "ZD323"


def judge(subject: ForeignKeyChanged, context: Context) -> Iterator[Finding]:
    """Another name is nothing; other actions change what a DELETE means; another parent is a new foreign key."""
    table, before, after = subject.table, subject.before, subject.after
    known, now = context.base.table(table), living(context.after, context, table)
    if known is not None and now is not None and same_meaning(context, known, before, now, after):
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.NEUTRAL,
            f"{after.name} of {table} says what {before.name} said: only names differ (RESTRICT and NO ACTION are the "
            "same to InnoDB).",
            table=table,
            column=_column(after),
        )
    elif known is not None and now is not None and not same_ends(context, known, before, now, after):
        yield foreign_key_finding(ID, table, after, context)
    else:
        yield _actions(table, before, after, context)


def _actions(table: str, before: ForeignKey, after: ForeignKey, context: Context) -> Finding:
    parent = parent_name(context, after)
    old_code = context.old_code
    if not old_code.maps_table(parent):
        return Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.CONTRACT,
            f"Old code does not map {parent}, so it meets neither the old nor the new actions of {after.name}.",
            table=table,
            column=_column(after),
            evidence=old_code.quote(parent),
        )
    changes = []
    if effective(before.on_delete) != effective(after.on_delete):
        changes.append(
            f"a DELETE of a {parent} row, which {on_parent_delete(table, before)} under ON DELETE {before.on_delete}, "
            f"{on_parent_delete(table, after)} under ON DELETE {after.on_delete}"
        )
    if effective(before.on_update) != effective(after.on_update):
        changes.append(
            f"an UPDATE of its {', '.join(after.ref_columns)}, which {on_parent_update(table, before)} under ON UPDATE "
            f"{before.on_update}, {on_parent_update(table, after)} under ON UPDATE {after.on_update}"
        )
    return Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.CONTRACT,
        f"In old code {'; '.join(changes)}.",
        remedy=steps(
            (
                "expand",
                f"release code that removes or detaches rows of {table} itself before it deletes a {parent} row",
            ),
            ("deploy", "wait until no node runs older code"),
            (
                "contract",
                "drop and add in one ALTER, so that no write goes unchecked between: "
                + op_execute(_one(table, before, after)),
            ),
        ),
        conditions=(
            Condition(
                "tolerates-new-actions",
                "code",
                f"Old code does the right thing when a DELETE of a {parent} row {on_parent_delete(table, after)}.",
            ),
        ),
        new_conditions=(
            Condition(
                "tolerates-old-actions",
                "code",
                f"New code does the right thing while a DELETE of a {parent} row {on_parent_delete(table, before)}.",
            ),
        ),
        table=table,
        column=_column(after),
    )


def _one(table: str, before: ForeignKey, after: ForeignKey) -> str:
    columns, refs = (", ".join(map(quoted, names)) for names in (after.columns, after.ref_columns))
    name = f"{after.name}_2" if after.name.lower() == before.name.lower() else after.name
    return (
        f"ALTER TABLE {quoted(table)} DROP FOREIGN KEY {quoted(before.name)}, ADD CONSTRAINT {quoted(name)} FOREIGN "
        f"KEY ({columns}) REFERENCES {quoted(after.ref_table)} ({refs}) ON DELETE {after.on_delete} ON UPDATE "
        f"{after.on_update}"
    )


def _column(foreign_key: ForeignKey) -> str | None:
    return foreign_key.columns[0] if len(foreign_key.columns) == 1 else None


RULE = Rule(id=ID, title="foreign key changed", on=(ForeignKeyChanged,), facts=(55,), judge=judge)
