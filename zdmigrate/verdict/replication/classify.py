"""May an ALTER run on the replica first: class A, B, C or D, and why.

While it runs, row events written by the old schema are applied to the new one (forward); after the switch those of
the new schema wait until the old primary has its own ALTER (held). Row events name neither columns nor charsets,
labels or signs: they are matched by position and storage type, so some differences diverge without any error. All
classes need ROW format, full row images and held replication. Every class stands on what real pairs did, MySQL 9.7,
MariaDB 10.11 and 11.8: `docs/replication-classes.md`.
"""

from __future__ import annotations

import re

from zdmigrate.flavour import Flavour
from zdmigrate.history import syntax as s
from zdmigrate.history.recording import RecordedStatement
from zdmigrate.verdict.cost.changes import Change, Kind, TableFacts, changes_of
from zdmigrate.verdict.replication.classes import (
    ELSEWHERE,
    NEW_COLUMN,
    ReplicationClass,
    convert,
    go,
    prove,
    quoted,
    refuse,
    worst,
)
from zdmigrate.verdict.replication.column_types import conversion_error, retyped
from zdmigrate.verdict.replication.columns import added, numbered
from zdmigrate.verdict.replication.constraints import checked, constrained, keyed, partitioned, released


def classify(recorded: RecordedStatement, target: Flavour) -> ReplicationClass:
    """The class of one recorded statement; of several changes in one ALTER, the worst."""
    node = recorded.statement.node
    if not isinstance(node, s.AlterTable):
        return ReplicationClass("-", "Only an ALTER of a table can run replica-first.")
    if recorded.refusal is not None:
        return ReplicationClass("-", f"The server refuses it: {recorded.refusal.errno} {recorded.refusal.message}")
    if node.name in recorded.before.temporary:
        return ReplicationClass("-", "A temporary table is not replicated.")
    table = recorded.before.table(node.name)
    if table is None or not table.complete:
        return refuse("The table's definition was never seen.", "Give the schema by --url, --schema or --metadata.")
    now = recorded.after.table_by_uid(table.uid)
    facts = TableFacts(table, table if now is None else now[1], text=recorded.statement.sql.lower())
    found = _of_table(facts, target)
    found += [_of_change(change, node.name, facts, target) for change in changes_of(node, facts)]
    return worst(found or [go("Nothing changes that row events depend on.")])


def _of_table(facts: TableFacts, target: Flavour) -> list[ReplicationClass]:
    """What the table as a whole says: its primary key, and whether its columns keep their places."""
    before, after = facts.before, facts.after
    found = []
    if before.primary_key is None or after.primary_key is None:
        side = "has" if before.primary_key is None else "would have"
        found.append(
            refuse(
                f"The table {side} no primary key: rows cannot be told apart by row events.",
                "Give it a primary key first, by a direct ALTER.",
            )
        )
    if before.system_versioned or after.system_versioned:
        found.append(refuse("A system-versioned table keeps the time of each server's own changes.", ELSEWHERE))
    old = [column.uid for column in before.columns]
    new = [column.uid for column in after.columns]
    common = min(len(old), len(new))
    if old[:common] != new[:common]:
        found.append(
            refuse(
                "Row events match columns by position: values land in others without an error, or stop "
                f"({conversion_error(target)}).",
                "Put new columns at the end, drop only the last ones, move none; add and drop in separate ALTERs.",
            )
        )
    if target.is_mariadb and _restates_compressed(facts.text):
        found.append(convert("A COMPRESSED column has its own type in row events, converted when told to."))
    return found


def _restates_compressed(sql: str) -> bool:
    """The ALTER redefines a column as COMPRESSED; the catalog does not know whether it was. `sql` is lower-case."""
    bare = re.sub(r"\brow_format\s*=?\s*compressed\b", "", sql)
    return re.search(r"\b(modify|change)\b.*\bcompressed\b", bare, re.DOTALL) is not None


def _of_change(change: Change, name: str, facts: TableFacts, target: Flavour) -> ReplicationClass:
    match change.kind:
        case Kind.ADD_COLUMN | Kind.ADD_AUTO_INCREMENT:
            assert change.after is not None
            return added(change.after, target)
        case Kind.ADD_VIRTUAL | Kind.ADD_STORED:
            return go("Each server computes a generated column at the end by itself.")
        case Kind.DROP_COLUMN | Kind.DROP_VIRTUAL:
            return go("Values of a last column that is gone are skipped.")
        case Kind.REORDER:
            return go("Columns keep their places.")  # if they do not, `_of_table` has said so
        case Kind.RENAME_COLUMN:
            return prove(
                "Row events do not name columns; statements do (1054).",
                f"No statement-based event and no running code names `{change.name}` on the side where it is gone.",
            )
        case Kind.TYPE:
            return retyped(change, name, facts, target)
        case Kind.NOT_NULL:
            column = quoted(change.name)
            return prove(
                "A NULL in a row event is stored in a NOT NULL column as another value, without an error.",
                f"SELECT 1 FROM {quoted(name)} WHERE {column} IS NULL LIMIT 1",
            )
        case Kind.NULLABLE | Kind.COLUMN_METADATA | Kind.AUTO_INCREMENT_OFF:
            return go("A full row image carries every value: defaults and nullability are not asked.")
        case Kind.AUTO_INCREMENT_ON:
            return numbered(change, name)
        case Kind.EXPRESSION | Kind.GENERATED_STATUS:
            return refuse("Values of a generated column differ between the two sides.", NEW_COLUMN)
        case Kind.ADD_KEY:
            assert change.key is not None
            return keyed(change.key, name, facts)
        case Kind.DROP_KEY | Kind.RENAME_KEY | Kind.KEY_VISIBILITY | Kind.KEY_TYPE:
            return go("Row events find rows by any key that is there.")
        case Kind.ADD_FOREIGN_KEY:
            return constrained(change.name, name, facts)
        case Kind.DROP_FOREIGN_KEY:
            return released(change.name, facts)
        case Kind.ADD_CHECK:
            return checked(change.name, name, facts, target)
        case Kind.RENAME_TABLE:
            return refuse(
                "Row events name the table: 1146 until both sides have it.", "Run it directly: it is INSTANT."
            )
        case Kind.PARTITION_BY:
            return partitioned(name)
        case Kind.PARTITIONS:
            if change.value in ("ANALYZE", "CHECK", "REPAIR"):
                return go("Partitions are read, not changed.")
            if change.value in ("ADD", "REORGANIZE", "COALESCE", "REBUILD", "OPTIMIZE"):
                return partitioned(name)
            return refuse("The rows of a partition are gone on one side only.", "Run it directly: it is quick.")
        case Kind.OPTION | Kind.DEFAULT_CHARSET | Kind.CONVERT | Kind.REBUILD | Kind.ORDER_BY | Kind.KEYS_SWITCH:
            return go("Rows keep their values; only how they are stored changes.")
        case Kind.DROP_CHECK | Kind.CHECK_OFF:
            return go("Rows that no CHECK refuses apply; the old primary waits until it has its ALTER.")
        case Kind.ADD_VERSIONING | Kind.DROP_VERSIONING:
            return refuse("Each server has its own row periods.", ELSEWHERE)
        case Kind.ENGINE:
            return refuse("The two sides differ in what they roll back.", ELSEWHERE)
        case Kind.OTHER:
            return refuse(f"Nothing is known of this action: {change.value}", ELSEWHERE)
