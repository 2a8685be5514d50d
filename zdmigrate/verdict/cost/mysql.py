"""What MySQL does for each elementary change, by version, and for an ALTER that makes several.

Measured on 9.7 (`tests/verdict/data/mysql_9_7_*.csv`); for 5.7, 8.0 and 8.4 the manual's tables of online DDL, which
the measurement confirmed except where a comment says so.
"""

from __future__ import annotations

from collections.abc import Callable

from zdmigrate.flavour import Flavour
from zdmigrate.verdict.cost import types as t
from zdmigrate.verdict.cost.changes import Change, Kind, TableFacts
from zdmigrate.verdict.cost.model import Part, dearest, worst_lock
from zdmigrate.verdict.cost.mysql_columns import COLUMN_RULES, has_instant, inplace, metadata
from zdmigrate.verdict.cost.parts import (
    after_of,
    assumed,
    becomes_clustered,
    before_of,
    copied,
    has_nullable,
    is_new_virtual,
    rebuilt,
    was_clustered,
)


def part(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    """The cost of one elementary change by itself."""
    if facts.temporary:
        return Part("COPY", "a temporary table is altered by copying it", rebuild=True)
    if not facts.innodb:
        return _other_engine(change, facts, flavour)
    return _RULES[change.kind](change, facts, flavour)


def combine(changes: list[Change], parts: list[Part], facts: TableFacts, flavour: Flavour) -> Part:
    """The cost of one ALTER that makes all these changes: INSTANT cannot be combined with anything else."""
    worst = dearest(parts)
    if worst.algorithm == "COPY":
        return worst
    clash = _virtual_clash(changes)
    if clash:
        return Part(
            "COPY",
            clash,
            "SHARED",
            rebuild=True,
            scans=True,
            cheaper="Put the virtual column in an ALTER of its own: INSTANT.",
        )
    if worst.algorithm == "INSTANT":
        return worst
    lock = worst_lock([item.lock for item in parts])
    rebuild = any(item.rebuild or item.rebuild_inplace for item in parts)
    reason, cheaper = worst.reason, worst.cheaper
    if rebuild and not any(item.rebuild for item in parts):
        instant = next(change for change, item in zip(changes, parts, strict=True) if item.rebuild_inplace)
        if has_instant(flavour) and len(parts) > 1:
            reason = f"{instant.kind} is INSTANT by itself, but not together with another change: the table is rebuilt"
            cheaper = f"Split the ALTER: {instant.kind} by itself is INSTANT."
    if rebuild and facts.kept("fulltext"):
        return Part(
            "COPY",
            "a table with a FULLTEXT index cannot be rebuilt in place",
            "SHARED",
            rebuild=True,
            scans=True,
            cheaper=cheaper,
        )
    if rebuild and facts.kept("spatial"):
        lock = worst_lock([lock, "SHARED"])
    scans = rebuild or any(item.scans for item in parts)
    return Part("INPLACE", reason, lock, rebuild=rebuild, scans=scans, cheaper=cheaper, basis=worst.basis)


def _add_key(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    key = change.key
    assert key is not None
    if key.kind == "primary":
        if not facts.strict and has_nullable(facts, key.columns):
            return copied("without strict mode NULLs are turned into values", "SET sql_mode='STRICT_TRANS_TABLES'.")
        return rebuilt("rows are stored in the order of the primary key")
    if key.kind == "fulltext":
        if sum(1 for item in facts.after.keys if item.kind == "fulltext") - facts.kept("fulltext") > 1:
            return copied("one FULLTEXT index at a time can be added in place", "Add them one ALTER each.")
        first = not facts.fulltext_before and facts.before.column("FTS_DOC_ID") is None
        reason = "the first FULLTEXT index adds a hidden column" if first else "FULLTEXT indexes are built under a lock"
        return rebuilt(reason, lock="SHARED") if first else inplace(reason, lock="SHARED", scans=True)
    if key.kind == "spatial":
        return inplace("SPATIAL indexes are built under a lock", lock="SHARED", scans=True)
    if becomes_clustered(facts, change):
        return rebuilt("without a primary key the first unique key on NOT NULL columns orders the rows")
    if any(item.expression for item in key.parts):
        return inplace("a functional index adds a hidden column", lock="SHARED", scans=True)
    if any(is_new_virtual(facts, name) for name in key.columns):
        return inplace(
            "an index on a virtual column added by the same ALTER is built under a lock",
            lock="SHARED",
            scans=True,
            cheaper="Add the column first (INSTANT), then the index by itself (INPLACE, LOCK=NONE).",
        )
    return inplace("the index is built while writers go on", scans=True)


def _drop_key(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    primary = change.key is not None and change.key.kind == "primary"
    if primary and facts.after.primary_key is None:
        return copied(
            "dropping a primary key without adding another copies the table",
            "DROP and ADD PRIMARY KEY in one ALTER: INPLACE.",
        )
    if was_clustered(facts, change) and facts.after.primary_key is None:
        return copied("the rows are ordered by this unique key, as the table has no primary key")
    return inplace("the index is dropped in the dictionary, its pages freed")


def _foreign_key(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    if change.kind is Kind.DROP_FOREIGN_KEY:
        return inplace("only the dictionary changes")
    if facts.foreign_key_checks:
        return copied(
            "with foreign_key_checks=1 every row is verified by copying the table",
            "SET foreign_key_checks=0 makes it INPLACE, and leaves existing rows unverified: verify them by a query.",
        )
    return inplace("with foreign_key_checks=0 existing rows are not verified")


def _check(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    if not flavour.at_least(8, 0, 16):
        return metadata("before 8.0.16 the server ignores CHECK", flavour)
    if change.kind is Kind.ADD_CHECK:
        return copied(
            "every row is verified by copying the table", "Add it NOT ENFORCED: INSTANT, and it checks nothing."
        )
    return metadata("only the dictionary changes", flavour)


#: Table options that change the dictionary only.
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
        "compression",
        "connection",
        "engine_attribute",
        "secondary_engine_attribute",
    }
)


def _option(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    if change.name in _METADATA_OPTIONS:
        return inplace("only the dictionary changes")
    if change.name in ("row_format", "key_block_size"):
        return rebuilt("rows are stored in another format")
    if change.name == "encryption":
        was = dict(facts.before.options).get("encryption", "N")
        if was.strip("'\"").upper() == change.value.strip("'\"").upper():
            return inplace("nothing changes")
        return copied("encrypting or decrypting a table copies it")
    return assumed(f"nothing is known of changing {change.name.upper()}")


def _convert(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    return inplace("the table's default charset changes; each column by its own rule")


def _partition_by(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    return copied("every row moves to its partition")


def _partitions(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    method = facts.before.partitioning.method.lower() if facts.before.partitioning else ""
    by_hash = "hash" in method or "key" in method
    match change.value:
        case "TRUNCATE":  # measured INSTANT on 9.7; the manual of 8.x says in place
            return metadata("only the partition's rows go", flavour, (9, 0))
        case "DROP" | "ADD" if not by_hash:
            return inplace("other partitions are left alone")
        case "ADD" | "COALESCE" | "REORGANIZE" | "REBUILD" | "DROP":
            return Part("INPLACE", "rows move between partitions", "SHARED", rebuild=True, scans=True)
        case "EXCHANGE" | "ANALYZE" | "CHECK" | "REPAIR":
            scans = change.value != "ANALYZE"
            return inplace("rows are read, not written", scans=scans)
        case "OPTIMIZE":
            return copied("InnoDB rebuilds the whole table", "REBUILD PARTITION and ANALYZE PARTITION instead.")
        case other:
            return assumed(f"nothing is known of {other} PARTITION")


def _dictionary(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    return metadata("only the dictionary changes", flavour)


def _force(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    return rebuilt("the table is rebuilt as it is")


def _key_type(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    return metadata("InnoDB has B-trees only: nothing changes", flavour)


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
    if engine.lower() == "myisam" and (change.kind in light or appended or comment):
        return metadata("only the dictionary changes", flavour)
    known = engine.lower() == "myisam"
    reason = f"{engine} alters a table by copying it"
    return copied(reason, "Convert the table to InnoDB first.") if known else assumed(reason)


_VIRTUAL = {Kind.ADD_VIRTUAL, Kind.DROP_VIRTUAL}
#: What may stand beside ADD or DROP of a virtual column (measured on 9.7).
_BESIDE_VIRTUAL = _VIRTUAL | {Kind.ADD_COLUMN, Kind.DROP_COLUMN, Kind.ADD_KEY, Kind.DROP_KEY, Kind.COLUMN_METADATA}


def _virtual_clash(changes: list[Change]) -> str:
    kinds = {change.kind for change in changes}
    if not kinds & _VIRTUAL:
        return ""
    for change in changes:
        appended = change.kind is Kind.TYPE and t.members_appended(before_of(change).type, after_of(change).type)
        if change.kind not in _BESIDE_VIRTUAL and not appended:
            return f"a virtual column cannot be added or dropped in place together with {change.kind}"
    if Kind.DROP_VIRTUAL in kinds and Kind.ADD_COLUMN in kinds:
        return "a virtual column cannot be dropped in place together with ADD COLUMN"
    return ""


_RULES: dict[Kind, Callable[[Change, TableFacts, Flavour], Part]] = {
    **COLUMN_RULES,
    Kind.ADD_KEY: _add_key,
    Kind.DROP_KEY: _drop_key,
    Kind.RENAME_KEY: lambda *_: inplace("only the dictionary changes"),
    Kind.KEY_VISIBILITY: lambda *_: inplace("only the dictionary changes"),
    Kind.KEY_TYPE: _key_type,
    Kind.ADD_FOREIGN_KEY: _foreign_key,
    Kind.DROP_FOREIGN_KEY: _foreign_key,
    Kind.ADD_CHECK: _check,
    Kind.DROP_CHECK: _check,
    Kind.CHECK_OFF: _check,
    Kind.RENAME_TABLE: _dictionary,
    Kind.OPTION: _option,
    Kind.DEFAULT_CHARSET: _convert,
    Kind.ENGINE: lambda *_: copied("every row is written to the other engine"),
    Kind.CONVERT: _convert,
    Kind.PARTITION_BY: _partition_by,
    Kind.PARTITIONS: _partitions,
    Kind.REBUILD: _force,
    Kind.ORDER_BY: lambda *_: copied("every row is written in the new order"),
    Kind.ADD_VERSIONING: _unknown,
    Kind.DROP_VERSIONING: _unknown,
    Kind.KEYS_SWITCH: _dictionary,
    Kind.OTHER: _unknown,
}
