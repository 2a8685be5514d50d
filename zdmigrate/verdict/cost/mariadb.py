"""What MariaDB does for each elementary change, by version, and for an ALTER that makes several.

Measured on 10.11 and 11.8 (`tests/verdict/data/mariadb_*.csv`); 10.4 to 10.6 are documented to do the same. Before
10.4 little is INSTANT, and what is said here is an assumption. From 11.2 on ALGORITHM=COPY lets writers go on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Key, Table
from zdmigrate.verdict.cost import types as t
from zdmigrate.verdict.cost.changes import Change, Kind, TableFacts
from zdmigrate.verdict.cost.mariadb_columns import COLUMN_RULES, instant, nocopy
from zdmigrate.verdict.cost.model import Lock, Part, dearest, worst_lock
from zdmigrate.verdict.cost.parts import (
    after_of,
    assumed,
    becomes_clustered,
    before_of,
    copied,
    is_new_virtual,
    rebuilt,
    refused,
    was_clustered,
)


def part(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    """The cost of one elementary change by itself."""
    if facts.temporary:
        return Part("COPY", "a temporary table is altered by copying it", rebuild=True)
    if change.kind in _MOVED and facts.before.system_versioned:
        history = facts.variable("system_versioning_alter_history").strip("'\"")
        if history not in ("KEEP", "1"):
            return refused(
                4119,
                f"Not allowed for system-versioned table `{facts.before.name}`. Change "
                "@@system_versioning_alter_history to proceed with ALTER.",
            )
    if not facts.innodb:
        return _other_engine(change, facts, flavour)
    return _RULES[change.kind](change, facts, flavour)


def combine(changes: list[Change], parts: list[Part], facts: TableFacts, flavour: Flavour) -> Part:
    """The cost of one ALTER that makes all these changes."""
    found = _combined(changes, parts, facts)
    if found.algorithm == "COPY":
        lock: Lock = "NONE" if _online_copy(changes, facts, flavour) else "SHARED"
        found = replace(found, lock=lock)
    if not flavour.at_least(10, 4):
        found = replace(found, basis="assumed")
    return found


def _combined(changes: list[Change], parts: list[Part], facts: TableFacts) -> Part:
    worst = dearest(parts)
    if worst.algorithm == "COPY":
        return worst
    if _keeps_hash(changes, facts):
        reason = "a unique key over a whole TEXT, BLOB or JSON column is a hidden hash, which only COPY carries over"
        return copied(reason, "Give that key a prefix length, or drop it in an ALTER of its own first.")
    clash = _virtual_clash(changes)
    if clash:
        return copied(clash, "Put the virtual column in an ALTER of its own: INSTANT.")
    lock = worst_lock([item.lock for item in parts])
    moves = any(item.rebuild_inplace for item in parts)
    builds = any(change.kind is Kind.ADD_KEY for change in changes) or any(item.scans for item in parts)
    rebuild = any(item.rebuild for item in parts) or (moves and builds)
    algorithm, reason, cheaper = worst.algorithm, worst.reason, worst.cheaper
    if algorithm == "INSTANT" and _restates_default(changes):  # measured on 10.11 and 11.8
        algorithm, reason = "NOCOPY", "a column and the table's default take another collation at once"
    if moves and builds and not any(item.rebuild for item in parts):
        algorithm = "INPLACE"
        reason = "adding, dropping or moving a column together with a new index rebuilds the table"
        cheaper = "Split the ALTER: the column by itself is INSTANT, the index NOCOPY."
    if rebuild and facts.kept("fulltext") > 1:
        return copied("a table with several FULLTEXT indexes cannot be rebuilt in place", cheaper)
    if rebuild and (facts.kept("fulltext") or facts.kept("spatial")):
        lock = worst_lock([lock, "SHARED"])
    scans = rebuild or any(item.scans for item in parts)
    return Part(algorithm, reason, lock, rebuild=rebuild, scans=scans, cheaper=cheaper, basis=worst.basis)


def _keeps_hash(changes: list[Change], facts: TableFacts) -> bool:
    """Measured on 10.11: every change but RENAME TO copies a table with such a key; dropping the key alone does not."""
    kinds = {change.kind for change in changes}
    if any(_is_hashed(facts.after, key) for key in facts.after.keys):
        return kinds != {Kind.RENAME_TABLE}
    return any(_is_hashed(facts.before, key) for key in facts.before.keys) and kinds != {Kind.DROP_KEY}


def _is_hashed(table: Table, key: Key) -> bool:
    whole = [table.column(part.column) for part in key.parts if part.column is not None and part.length is None]
    return key.kind == "unique" and any(
        column is not None and (column.type.name == "json" or column.type.name.endswith(("text", "blob")))
        for column in whole
    )


def _restates_default(changes: list[Change]) -> bool:
    kinds = {change.kind for change in changes}
    recoded = any(
        change.kind is Kind.TYPE and before_of(change).type.collation != after_of(change).type.collation
        for change in changes
    )
    return recoded and Kind.DEFAULT_CHARSET in kinds


def _online_copy(changes: list[Change], facts: TableFacts, flavour: Flavour) -> bool:
    """From 11.2 writers go on during COPY; the exceptions are those of the server's own check."""
    if not flavour.at_least(11, 2) or facts.temporary:
        return False
    numbered = {Kind.ADD_AUTO_INCREMENT, Kind.AUTO_INCREMENT_ON, Kind.DROP_VERSIONING}
    if any(change.kind in numbered for change in changes):
        return False
    cascading = ("CASCADE", "SET NULL", "SET DEFAULT")
    if any(fk.on_delete in cascading or fk.on_update in cascading for fk in facts.before.foreign_keys):
        return False
    return not facts.text.startswith("alter ignore")


_MOVED = {
    Kind.ADD_COLUMN,
    Kind.ADD_AUTO_INCREMENT,
    Kind.ADD_VIRTUAL,
    Kind.ADD_STORED,
    Kind.DROP_COLUMN,
    Kind.DROP_VIRTUAL,
    Kind.RENAME_COLUMN,
    Kind.REORDER,
    Kind.TYPE,
    Kind.NULLABLE,
    Kind.NOT_NULL,
}

_BESIDE_VIRTUAL = {Kind.ADD_VIRTUAL, Kind.DROP_VIRTUAL, Kind.DROP_COLUMN, Kind.ADD_KEY, Kind.DROP_KEY}


def _virtual_clash(changes: list[Change]) -> str:
    kinds = {change.kind: None for change in changes}
    if Kind.ADD_VIRTUAL not in kinds and Kind.DROP_VIRTUAL not in kinds:
        return ""
    other = next((kind for kind in kinds if kind not in _BESIDE_VIRTUAL), None)
    return f"a virtual column cannot be added or dropped in place together with {other}" if other else ""


def _add_key(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    key = change.key
    assert key is not None
    if key.kind == "primary":
        return rebuilt("rows are stored in the order of the primary key")
    if key.kind == "fulltext":
        if sum(1 for item in facts.after.keys if item.kind == "fulltext") - facts.kept("fulltext") > 1:
            return copied("one FULLTEXT index at a time can be added in place", "Add them one ALTER each.")
        first = not facts.fulltext_before and facts.before.column("FTS_DOC_ID") is None
        if first:
            return rebuilt("the first FULLTEXT index adds a hidden column", lock="SHARED")
        return nocopy("FULLTEXT indexes are built under a lock", lock="SHARED", scans=True)
    if key.kind == "spatial":
        return nocopy("SPATIAL indexes are built under a lock", lock="SHARED", scans=True)
    if becomes_clustered(facts, change):
        return rebuilt("without a primary key the first unique key on NOT NULL columns orders the rows")
    virtual = [name for name in key.columns if is_new_virtual(facts, name)]
    if virtual and key.kind == "unique":
        return copied("a virtual column with a unique key is added by copying the table")
    if virtual:
        return nocopy(
            "an index on a virtual column added by the same ALTER is built under a lock",
            lock="SHARED",
            scans=True,
            cheaper="Add the column first (INSTANT), then the index by itself (NOCOPY, LOCK=NONE).",
        )
    return nocopy("the index is built while writers go on", scans=True)


def _drop_key(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    primary = change.key is not None and change.key.kind == "primary"
    if primary and facts.after.primary_key is None:
        return copied(
            "dropping a primary key without adding another copies the table",
            "DROP and ADD PRIMARY KEY in one ALTER: INPLACE.",
        )
    if was_clustered(facts, change) and facts.after.primary_key is None:
        return copied("the rows are ordered by this unique key, as the table has no primary key")
    return nocopy("the index is dropped in the dictionary, its pages freed")


def _foreign_key(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    if change.kind is Kind.ADD_FOREIGN_KEY and facts.foreign_key_checks:
        return copied(
            "with foreign_key_checks=1 every row is verified by copying the table",
            "SET foreign_key_checks=0 makes it INSTANT (NOCOPY without an index on the column), and leaves existing "
            "rows unverified: verify them by a query.",
        )
    return instant("existing rows are not verified")


def _check(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    if change.kind is Kind.ADD_CHECK:
        return copied("every row is verified by copying the table")
    return instant("only the dictionary changes")


_METADATA_OPTIONS = frozenset(
    {
        "auto_increment",
        "comment",
        "stats_persistent",
        "stats_auto_recalc",
        "stats_sample_pages",
        "max_rows",
        "min_rows",
        "avg_row_length",
        "checksum",
        "pack_keys",
        "delay_key_write",
        "insert_method",
        "connection",
    }
)


def _option(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    if change.name in _METADATA_OPTIONS:
        return instant("only the dictionary changes")
    if change.name in ("row_format", "key_block_size"):
        return rebuilt("rows are stored in another format")
    if change.name in ("page_compressed", "page_compression_level"):  # measured: 10.11 rebuilds, 11.8 does not
        return instant("pages are compressed when next written") if flavour.at_least(11, 0) else rebuilt("measured")
    return assumed(f"nothing is known of changing {change.name.upper()}")


def _default_charset(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    return instant("the table's default charset changes; each column by its own rule")


def _partitions(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    method = facts.before.partitioning.method.lower() if facts.before.partitioning else ""
    by_hash = "hash" in method or "key" in method
    match change.value:
        case "TRUNCATE" | "DROP" | "EXCHANGE" | "CONVERT":
            return instant("other partitions are left alone")
        case "ADD" if not by_hash:
            return instant("other partitions are left alone")
        case "ANALYZE" | "CHECK" | "REPAIR":
            return nocopy("rows are read, not written", scans=change.value != "ANALYZE")
        case "ADD" | "COALESCE" | "REORGANIZE" | "REBUILD" | "OPTIMIZE":
            return copied("rows move between partitions")
        case other:
            return assumed(f"nothing is known of {other} PARTITION")


def _key_type(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    return nocopy("the index is made again", scans=True)


def _unknown(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    return assumed(f"{change.kind} is in no table of this server: {change.value}" if change.value else str(change.kind))


def _other_engine(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    engine = facts.before.engine
    light = {
        Kind.COLUMN_METADATA,
        Kind.RENAME_COLUMN,
        Kind.RENAME_TABLE,
        Kind.DROP_CHECK,
        Kind.CHECK_OFF,
        Kind.RENAME_KEY,
        Kind.DEFAULT_CHARSET,
        Kind.KEYS_SWITCH,
    }
    appended = change.kind is Kind.TYPE and t.members_appended(before_of(change).type, after_of(change).type)
    comment = change.kind is Kind.OPTION and change.name == "comment"
    if engine.lower() in ("myisam", "aria") and (change.kind in light or appended or comment):
        return instant("only the dictionary changes")
    known = engine.lower() in ("myisam", "aria")
    reason = f"{engine} alters a table by copying it"
    return copied(reason, "Convert the table to InnoDB first.") if known else assumed(reason)


_RULES: dict[Kind, Callable[[Change, TableFacts, Flavour], Part]] = {
    **COLUMN_RULES,
    Kind.ADD_KEY: _add_key,
    Kind.DROP_KEY: _drop_key,
    Kind.RENAME_KEY: lambda *_: instant("only the dictionary changes"),
    Kind.KEY_VISIBILITY: lambda *_: instant("only the dictionary changes"),
    Kind.KEY_TYPE: _key_type,
    Kind.ADD_FOREIGN_KEY: _foreign_key,
    Kind.DROP_FOREIGN_KEY: _foreign_key,
    Kind.ADD_CHECK: _check,
    Kind.DROP_CHECK: _check,
    Kind.CHECK_OFF: _check,
    Kind.RENAME_TABLE: lambda *_: instant("only the dictionary changes"),
    Kind.OPTION: _option,
    Kind.DEFAULT_CHARSET: _default_charset,
    Kind.ENGINE: lambda *_: copied("every row is written to the other engine"),
    Kind.CONVERT: _default_charset,
    Kind.PARTITION_BY: lambda *_: copied("every row moves to its partition"),
    Kind.PARTITIONS: _partitions,
    Kind.REBUILD: lambda *_: rebuilt("the table is rebuilt as it is"),
    Kind.ORDER_BY: lambda *_: copied("every row is written in the new order"),
    Kind.ADD_VERSIONING: lambda *_: copied("every row gets its period"),
    Kind.DROP_VERSIONING: lambda *_: rebuilt("history rows go, and the period of each row", lock="SHARED"),
    Kind.KEYS_SWITCH: lambda *_: instant("InnoDB ignores it"),
    Kind.OTHER: _unknown,
}
