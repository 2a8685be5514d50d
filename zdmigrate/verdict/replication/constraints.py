"""Keys, foreign keys, CHECKs and partitions: what stops the applier, and the query that proves nothing will."""

from __future__ import annotations

import re
from collections.abc import Iterable

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Column, ColumnType, ForeignKey, Key, Table
from zdmigrate.verdict.cost.changes import TableFacts
from zdmigrate.verdict.replication.classes import LATER, ReplicationClass, go, prove, quoted, refuse


def keyed(key: Key, name: str, facts: TableFacts) -> ReplicationClass:
    """A new index, unique or not, of table `name`."""
    expressions = " ".join(part.expression or "" for part in key.parts)
    added = _added_among([*key.columns, *re.findall(r"[\w$]+", expressions)], facts)
    if key.unique and added:
        names = ", ".join(column.name for column in added)
        return refuse(
            f"A unique key over {names}, which row events do not carry: the applier looks rows up by it "
            "(1032) or gives two rows the same default (1062).",
            LATER,
        )
    if key.kind == "primary":
        return prove(
            "Row events find rows by another primary key; a duplicate stops the applier (1062).",
            _duplicates(name, key, {}),
        )
    if key.unique:
        return prove("A duplicate written meanwhile stops the applier (1062).", _duplicates(name, key, {}))
    return go("Row events find rows by any key that is there.")


def recollated(column: Column, name: str, table: Table, new: ColumnType) -> ReplicationClass:
    """A column of table `name` compares by another collation."""
    unique = [key for key in table.keys_on(column.name) if key.unique]
    if not unique:
        return go("Row events carry bytes, not their collation.")
    return prove(
        "Values that differ for one collation are duplicates for the other: the applier stops with 1062.",
        "\n".join(_duplicates(name, key, {column.name.lower(): (column.type, new)}) for key in unique),
    )


def _duplicates(name: str, key: Key, retyped: dict[str, tuple[ColumnType, ColumnType]]) -> str:
    """The query that finds values a unique key would refuse; NULLs never collide.

    `retyped` has the types before and after of the columns whose collation changes, by their lower-case names.
    """
    terms, tested = [], []
    for part in key.parts:
        if part.column is None:
            terms.append(f"({part.expression})")
            continue
        term = quoted(part.column)
        tested.append(f"{term} IS NOT NULL")
        if part.length is not None:
            term = f"LEFT({term}, {part.length})"
        terms.append(_collated(term, *retyped[part.column.lower()]) if part.column.lower() in retyped else term)
    where = f" WHERE {' AND '.join(tested)}" if tested else ""
    return f"SELECT 1 FROM {quoted(name)}{where} GROUP BY {', '.join(terms)} HAVING COUNT(*) > 1 LIMIT 1"


def _collated(term: str, old: ColumnType, new: ColumnType) -> str:
    """A term as it compares in a column of the new type."""
    if new.charset != old.charset:
        term = f"CONVERT({term} USING {new.charset})"
    return f"{term} COLLATE {new.collation}"


def constrained(constraint: str, name: str, facts: TableFacts) -> ReplicationClass:
    """A new foreign key of table `name`."""
    key = _foreign_key(facts.after, constraint)
    if key is None or _cascades(key):
        return refuse(
            "Only one side cascades: the other keeps rows that this one deletes or changes, without an error.",
            "SET foreign_key_checks=0 makes it cheap enough to run directly.",
        )
    if added := _added_among(key.columns, facts):
        if any(column.nullable and column.default is None for column in added):
            return go("Row events leave the new column NULL, which has no parent.")
        return refuse("A foreign key of a column that row events do not carry.", LATER)
    pairs = [
        (f"c.{quoted(own)}", f"p.{quoted(other)}") for own, other in zip(key.columns, key.ref_columns, strict=True)
    ]
    joined = " AND ".join(f"{own} = {other}" for own, other in pairs)
    orphan = " AND ".join([*(f"{own} IS NOT NULL" for own, _ in pairs), f"{pairs[0][1]} IS NULL"])
    return prove(
        "A row without its parent, or a parent deleted before its rows, stops the applier (1452, 1451).",
        f"SELECT 1 FROM {quoted(name)} AS c LEFT JOIN {quoted(key.ref_table)} AS p ON {joined} WHERE {orphan} LIMIT 1",
    )


def released(constraint: str, facts: TableFacts) -> ReplicationClass:
    """A foreign key that is dropped."""
    key = _foreign_key(facts.before, constraint)
    if key is None or _cascades(key):
        return refuse(
            "Cascades are not in the binary log (of MariaDB, and MySQL before 9.6): only one side deletes the rows.",
            "Run it directly: it only changes metadata.",
        )
    return go("Rows that a foreign key allows apply without it; the old primary waits until it has its ALTER.")


def _foreign_key(table: Table, name: str) -> ForeignKey | None:
    return next((key for key in table.foreign_keys if key.name.lower() == name.lower()), None)


def _cascades(key: ForeignKey) -> bool:
    return not {key.on_delete, key.on_update} <= {"RESTRICT", "NO ACTION"}


def checked(constraint: str, name: str, facts: TableFacts, target: Flavour) -> ReplicationClass:
    """A CHECK of table `name` that is new, or enforced from now on."""
    check = facts.after.check(constraint)
    expression = check.expression if check is not None else "TRUE"
    if _added_among(re.findall(r"[\w$]+", expression), facts):
        return refuse("A CHECK of a column that row events do not carry.", LATER)
    return prove(
        "The applier ignores CHECK: a row that violates it is stored without an error."
        if target.is_mariadb
        else "A row that violates the CHECK stops the applier (3819).",
        f"SELECT 1 FROM {quoted(name)} WHERE NOT ({expression}) LIMIT 1",
    )


def _added_among(names: Iterable[str], facts: TableFacts) -> list[Column]:
    """The columns of these names that the ALTER adds: a query on the other side cannot name them."""
    known = {column.uid for column in facts.before.columns}
    found = [facts.after.column(name) for name in dict.fromkeys(names)]
    return [column for column in found if column is not None and column.uid not in known]


def partitioned(name: str) -> ReplicationClass:
    """The rows of table `name` lie in other partitions, or in none."""
    return prove(
        "Partitioned differently, row events apply, but MySQL's manual does not support it.",
        f"Every row of {quoted(name)} fits a partition on both sides (try the ALTER on a copy); no partition is "
        "dropped until both are altered.",
    )
