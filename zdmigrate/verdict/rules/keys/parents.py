"""Foreign keys: what they do to old code's writes of the parent, and which of them only follow a rename."""

from __future__ import annotations

from zdmigrate.history.catalog import Action, Catalog, ForeignKey, Table
from zdmigrate.verdict.model import Condition
from zdmigrate.verdict.rule import Context
from zdmigrate.verdict.rules.origin import living

#: The actions that refuse a parent's DELETE or UPDATE as long as children exist; the same thing to InnoDB.
REFUSING = ("RESTRICT", "NO ACTION")


def effective(action: Action) -> Action:
    """The action as InnoDB carries it out: NO ACTION is RESTRICT."""
    return "RESTRICT" if action in REFUSING else action


def parent_is_new(context: Context, foreign_key: ForeignKey) -> bool:
    """Whether the parent table was created in this release, so that old code cannot delete its rows."""
    parent = context.after.table(foreign_key.ref_table)
    if parent is None or foreign_key.ref_table in context.base.tables or not (parent.complete or context.base.complete):
        return False
    return context.base.table_by_uid(parent.uid) is None


def parent_name(context: Context, foreign_key: ForeignKey) -> str:
    """What old code calls the parent table."""
    parent = context.after.table(foreign_key.ref_table)
    found = None if parent is None else context.base.table_by_uid(parent.uid)
    return foreign_key.ref_table if found is None else found[0]


def on_parent_delete(child: str, foreign_key: ForeignKey) -> str:
    """What a DELETE of a parent row with children does, in words."""
    columns = ", ".join(foreign_key.columns)
    match effective(foreign_key.on_delete):
        case "CASCADE":
            return f"also deletes the rows of {child} that point at it"
        case "SET NULL":
            return f"also sets {columns} of {child} to NULL"
        case "SET DEFAULT":
            return f"is refused by InnoDB, which has no SET DEFAULT, as long as a row of {child} points at it"
        case _:
            return f"fails with 1451 as long as a row of {child} points at it"


def on_parent_update(child: str, foreign_key: ForeignKey) -> str:
    """What an UPDATE of the referenced columns of a parent row with children does, in words."""
    columns = ", ".join(foreign_key.columns)
    match effective(foreign_key.on_update):
        case "CASCADE":
            return f"also changes {columns} of {child}"
        case "SET NULL":
            return f"also sets {columns} of {child} to NULL"
        case _:
            return "fails with 1451 likewise"


def tolerates_children(child: str, parent: str, foreign_key: ForeignKey) -> Condition:
    """The condition of every foreign key that only touches old code through the parent's rows."""
    refs = ", ".join(foreign_key.ref_columns)
    return Condition(
        "parent-deletes-tolerate-children",
        "code",
        f"Old code never deletes a row of {parent} (or changes its {refs}) that new code has given rows in {child}, "
        f"or it copes: the DELETE {on_parent_delete(child, foreign_key)}.",
    )


def twin_before_rename(context: Context, table: str, foreign_key: ForeignKey) -> ForeignKey | None:
    """The foreign key of the base schema that `foreign_key`, as it stands after the statement, only renames.

    Its columns, parent and parent columns are the same ones under new names, and its actions are the same.
    """
    known, now = context.base.table(table), living(context.after, context, table)
    if known is None or now is None:
        return None
    return next(
        (item for item in known.foreign_keys if same_meaning(context, known, item, now, foreign_key)),
        None,
    )


def twin_after_rename(context: Context, table: str, foreign_key: ForeignKey) -> ForeignKey | None:
    """The foreign key after the statement that means what `foreign_key` of the base schema did."""
    known, now = context.base.table(table), living(context.after, context, table)
    if known is None or now is None:
        return None
    return next((item for item in now.foreign_keys if same_meaning(context, known, foreign_key, now, item)), None)


def same_meaning(context: Context, known: Table, before: ForeignKey, now: Table, after: ForeignKey) -> bool:
    """Whether both say the same of the same columns, whatever those and the constraint are called."""
    return (
        effective(before.on_delete) == effective(after.on_delete)
        and effective(before.on_update) == effective(after.on_update)
        and same_ends(context, known, before, now, after)
    )


def same_ends(context: Context, known: Table, before: ForeignKey, now: Table, after: ForeignKey) -> bool:
    """Whether both lead from the same columns to the same columns, whatever those are called."""
    return _uids(known, before.columns) == _uids(now, after.columns) and _parent_uids(
        context.base, before
    ) == _parent_uids(context.after, after)


def _uids(table: Table, columns: tuple[str, ...]) -> tuple[object, ...]:
    found = ((name, table.column(name)) for name in columns)
    return tuple(name.lower() if column is None else column.uid for name, column in found)


def _parent_uids(catalog: Catalog, foreign_key: ForeignKey) -> tuple[object, ...]:
    parent = catalog.table(foreign_key.ref_table)
    if parent is None:
        return (foreign_key.ref_table, *(name.lower() for name in foreign_key.ref_columns))
    return (parent.uid, *_uids(parent, foreign_key.ref_columns))
