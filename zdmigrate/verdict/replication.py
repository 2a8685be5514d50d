"""May an ALTER run on the replica first: class A, B, C or D, and why.

While it runs, row events written by the old schema are applied to the new one (forward); after the switch those of
the new schema wait until the old primary has its own ALTER (held). Row events name neither columns nor charsets,
labels or signs: they are matched by position and storage type, so some differences diverge without any error. All
classes need ROW format, full row images and held replication; see `docs/replication-classes.md`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from zdmigrate.flavour import Flavour
from zdmigrate.history import syntax as s
from zdmigrate.history.catalog import Column, Key, Table
from zdmigrate.history.recording import RecordedStatement
from zdmigrate.verdict.cost.changes import Change, Kind, TableFacts, changes_of
from zdmigrate.verdict.types import TypeAspect, compare_types, family

Class = Literal["-", "A", "B", "C", "D"]
_ORDER: tuple[Class, ...] = ("-", "A", "B", "C", "D")


@dataclass(frozen=True, slots=True)
class ReplicationClass:
    """Whether an ALTER may run replica-first.

    Attributes:
        cls: A go; B go with `needs` set on the replica for the duration; C go after `proof`; D refuse; "-" the
            question does not arise (no ALTER of a base table).
        reason: what row events do with the difference.
        needs: members of replica_type_conversions (slave_type_conversions on MariaDB) to set on the replica.
        rewrite: what to do instead of a D.
        proof: for C, the queries (which must return no row, on both sides, again at the freeze) and conditions.
    """

    cls: Class
    reason: str
    needs: tuple[str, ...] = ()
    rewrite: str = ""
    proof: str = ""


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
        return _d("The table's definition was never seen.", "Give the schema by --url, --schema or --metadata.")
    now = recorded.after.table_by_uid(table.uid)
    facts = TableFacts(table, table if now is None else now[1], text=recorded.statement.sql.lower())
    found = [*_of_table(facts), *(_of_change(change, node.name, facts, target) for change in changes_of(node, facts))]
    return _worst(found or [_a("Nothing changes that row events depend on.")])


def _a(reason: str) -> ReplicationClass:
    return ReplicationClass("A", reason)


def _c(reason: str, proof: str, needs: tuple[str, ...] = ()) -> ReplicationClass:
    return ReplicationClass("C", reason, proof=proof, needs=needs)


def _d(reason: str, rewrite: str) -> ReplicationClass:
    return ReplicationClass("D", reason, rewrite=rewrite)


_ELSEWHERE = "Run it directly in a quiet hour, or with gh-ost or Spirit."
_NEW_COLUMN = "Add a new column at the end, write both, fill it in batches, read it, then drop the old one."


def _worst(found: list[ReplicationClass]) -> ReplicationClass:
    worst = max(found, key=lambda item: _ORDER.index(item.cls))
    same = [item for item in found if item.cls == worst.cls]
    needs = tuple(dict.fromkeys(need for item in found for need in item.needs))
    if worst.cls == "D":
        needs = ()
    elif {"ALL_SIGNED", "ALL_UNSIGNED"} <= set(needs):
        return _d("Signed and unsigned integers are widened in one ALTER: no setting reads both.", "Split the ALTER.")
    needs = tuple(need for need in needs if need != "ALL_SIGNED")
    return replace(
        worst,
        reason=" ".join(dict.fromkeys(item.reason for item in same)),
        needs=needs,
        rewrite=" ".join(dict.fromkeys(item.rewrite for item in same if item.rewrite)),
        proof="\n".join(dict.fromkeys(item.proof for item in found if item.proof and worst.cls == "C")),
    )


def _of_table(facts: TableFacts) -> list[ReplicationClass]:
    """What the table as a whole says: its primary key, and whether its columns keep their places."""
    before, after = facts.before, facts.after
    found = []
    if before.primary_key is None or after.primary_key is None:
        side = "has" if before.primary_key is None else "would have"
        found.append(
            _d(
                f"The table {side} no primary key: rows cannot be told apart by row events.",
                "Give it a primary key first, by a direct ALTER.",
            )
        )
    if before.system_versioned or after.system_versioned:
        found.append(_d("A system-versioned table keeps the time of each server's own changes.", _ELSEWHERE))
    old = [column.uid for column in before.columns]
    new = [column.uid for column in after.columns]
    common = min(len(old), len(new))
    if old[:common] != new[:common]:
        found.append(
            _d(
                "Row events match columns by position: values land in others without an error, or stop (1677).",
                "Put new columns at the end, drop only the last ones, move none; add and drop in separate ALTERs.",
            )
        )
    return found


def _of_change(change: Change, name: str, facts: TableFacts, target: Flavour) -> ReplicationClass:
    match change.kind:
        case Kind.ADD_COLUMN | Kind.ADD_AUTO_INCREMENT:
            assert change.after is not None
            return _added(change.after)
        case Kind.ADD_VIRTUAL | Kind.ADD_STORED:
            return _a("Each server computes a generated column at the end by itself.")
        case Kind.DROP_COLUMN | Kind.DROP_VIRTUAL:
            return _a("Values of a last column that is gone are skipped.")
        case Kind.REORDER:
            return _a("Columns keep their places.")  # if they do not, `_of_table` has said so
        case Kind.RENAME_COLUMN:
            return _c(
                "Row events do not name columns; statements do (1054).",
                f"No statement-based event and no running code names `{change.name}` on the side where it is gone.",
            )
        case Kind.TYPE:
            return _retyped(change, name, facts, target)
        case Kind.NOT_NULL:
            column = _q(change.name)
            return _c(
                "A NULL in a row event is stored in a NOT NULL column as another value, without an error.",
                f"SELECT 1 FROM {_q(name)} WHERE {column} IS NULL LIMIT 1",
            )
        case Kind.NULLABLE | Kind.COLUMN_METADATA | Kind.AUTO_INCREMENT_OFF:
            return _a("A full row image carries every value: defaults and nullability are not asked.")
        case Kind.AUTO_INCREMENT_ON:
            return _d("Each server numbers its own rows.", _ELSEWHERE)
        case Kind.EXPRESSION | Kind.GENERATED_STATUS:
            return _d("Values of a generated column differ between the two sides.", _NEW_COLUMN)
        case Kind.ADD_KEY:
            assert change.key is not None
            return _keyed(change.key, name, facts)
        case Kind.DROP_KEY | Kind.RENAME_KEY | Kind.KEY_VISIBILITY | Kind.KEY_TYPE:
            return _a("Row events find rows by any key that is there.")
        case Kind.ADD_FOREIGN_KEY | Kind.DROP_FOREIGN_KEY:
            return _d(
                "Cascades are not in the binary log: the two sides delete different rows without an error.",
                "SET foreign_key_checks=0 makes ADD cheap enough to run directly; DROP is.",
            )
        case Kind.ADD_CHECK:
            check = facts.after.check(change.name)
            expression = check.expression if check is not None else "TRUE"
            return _c(
                "Row events ignore CHECK: a row that violates it is stored without an error.",
                f"SELECT 1 FROM {_q(name)} WHERE NOT ({expression}) LIMIT 1",
            )
        case Kind.RENAME_TABLE:
            return _d("Row events name the table: 1146 until both sides have it.", "Run it directly: it is INSTANT.")
        case Kind.PARTITION_BY:
            return _partitioned(name)
        case Kind.PARTITIONS:
            if change.value in ("ANALYZE", "CHECK", "REPAIR"):
                return _a("Partitions are read, not changed.")
            if change.value in ("ADD", "REORGANIZE", "COALESCE", "REBUILD", "OPTIMIZE"):
                return _partitioned(name)
            return _d("The rows of a partition are gone on one side only.", "Run it directly: it is quick.")
        case Kind.OPTION | Kind.DEFAULT_CHARSET | Kind.CONVERT | Kind.REBUILD | Kind.ORDER_BY | Kind.KEYS_SWITCH:
            return _a("Rows keep their values; only how they are stored changes.")
        case Kind.DROP_CHECK | Kind.CHECK_OFF:
            return _a("Row events ignore CHECK.")
        case Kind.ADD_VERSIONING | Kind.DROP_VERSIONING:
            return _d("Each server has its own row periods.", _ELSEWHERE)
        case Kind.ENGINE:
            return _d("The two sides differ in what they roll back.", _ELSEWHERE)
        case Kind.OTHER:
            return _d(f"Nothing is known of this action: {change.value}", _ELSEWHERE)


def _partitioned(name: str) -> ReplicationClass:
    return _c(
        "Partitioned differently, row events apply, but MySQL's manual does not support it.",
        f"Every row of {_q(name)} fits a partition on both sides (try the ALTER on a copy); no partition is dropped "
        "until both are altered.",
    )


def _added(column: Column) -> ReplicationClass:
    backfill = "Add it at the end, nullable and without that default; fill it in batches; then set the default."
    default = column.default
    if column.auto_increment:
        return _d("Each server numbers its own rows, in its own order.", _ELSEWHERE)
    if column.on_update is not None or (default is not None and default.kind == "now"):
        return _d("Each server fills in its own time.", backfill)
    if default is not None and default.kind == "expression" and re.search(r"[A-Za-z_`]", default.text):
        return _d("An expression as DEFAULT gives each server values of its own.", backfill)
    if not column.nullable and default is None:
        return _d(
            "NOT NULL without a DEFAULT: some servers stop, some store an implicit value.",
            "Add it nullable or with a constant DEFAULT, fill it in batches, then make it NOT NULL.",
        )
    return _a("A column at the end with a constant default is filled by it where the row event has no value.")


_STORED_IN_EVENTS = ("integer", "decimal", "float", "text", "bytes")
_NEVER_CONVERTED = frozenset(
    {
        TypeAspect.NARROWED,
        TypeAspect.FAMILY,
        TypeAspect.ENUM_TO_TEXT,
        TypeAspect.SIGNEDNESS,
        TypeAspect.FRACTION_RAISED,
        TypeAspect.FRACTION_LOWERED,
        TypeAspect.TIME_ZONE,
        TypeAspect.MEMBERS_INSERTED,
        TypeAspect.MEMBERS_REORDERED,
        TypeAspect.MEMBERS_REMOVED,
        TypeAspect.CHARSET_WIDENED,
        TypeAspect.CHARSET_NARROWED,
        TypeAspect.UNKNOWN,
    }
)
_WHY_NOT = {
    TypeAspect.SIGNEDNESS: "Row events carry no sign: the same bytes mean another number on the other side.",
    TypeAspect.MEMBERS_INSERTED: "Row events carry the number of an ENUM member, not its label.",
    TypeAspect.MEMBERS_REORDERED: "Row events carry the number of an ENUM member, not its label.",
    TypeAspect.MEMBERS_REMOVED: "Row events carry the number of an ENUM member, not its label.",
    TypeAspect.CHARSET_WIDENED: "Row events carry bytes, not their charset: the other side stores them as they are.",
    TypeAspect.CHARSET_NARROWED: "Row events carry bytes, not their charset: the other side stores them as they are.",
}


def _retyped(change: Change, name: str, facts: TableFacts, target: Flavour) -> ReplicationClass:
    assert change.before is not None
    assert change.after is not None
    old, new = change.before.type, change.after.type
    compared = compare_types(old, new)
    never = compared.aspects & _NEVER_CONVERTED
    if never:
        reason = next((why for aspect, why in _WHY_NOT.items() if aspect in never), "")
        return _d(reason or "The applier does not convert between these types (1677).", _NEW_COLUMN)
    if compared.has(TypeAspect.MEMBERS_APPENDED):
        if _bytes_of_members(len(old.members), old.name) != _bytes_of_members(len(new.members), new.name):
            return _d("The members no longer fit the bytes of a row event (1677).", _NEW_COLUMN)
        found = _a("Members keep their numbers.")
    elif compared.has(TypeAspect.WIDENED, TypeAspect.KIND):
        found = _widened(change, name, target)
    else:
        found = _a("Row events carry neither collation nor display width.")
    if compared.has(TypeAspect.COLLATION):
        return _worst([found, _recollated(change.before, name, facts.before, new.collation or "")])
    return found


def _widened(change: Change, name: str, target: Flavour) -> ReplicationClass:
    assert change.before is not None
    old = change.before.type
    if family(old) not in _STORED_IN_EVENTS:
        return _d("The applier does not convert between these types (1677).", _NEW_COLUMN)
    needs: tuple[str, ...] = ("ALL_NON_LOSSY",)
    reason = "The applier widens values when told to; the other way is refused (1677), so the old primary is held."
    if family(old) == "integer" and target.is_mariadb and old.unsigned:
        bits = {"tinyint": 7, "smallint": 15, "mediumint": 23, "int": 31}.get(old.name, 63)
        proof = f"SELECT 1 FROM {_q(name)} WHERE {_q(change.name)} > {2**bits - 1} LIMIT 1"
        return _c("Row events carry no sign: a large unsigned value may be widened as a negative one.", proof, needs)
    if family(old) == "integer":
        needs += ("ALL_UNSIGNED",) if old.unsigned else ("ALL_SIGNED",)
    return ReplicationClass("B", reason, needs)


def _bytes_of_members(count: int, kind: str) -> int:
    if kind == "enum":
        return 1 if count <= 255 else 2
    size = (count + 7) // 8
    return size if size <= 4 else 8


def _recollated(column: Column, name: str, table: Table, collation: str) -> ReplicationClass:
    unique = [key for key in table.keys_on(column.name) if key.unique]
    if not unique:
        return _a("Row events carry bytes, not their collation.")
    return _c(
        "Values that differ for one collation are duplicates for the other: the applier stops with 1062.",
        "\n".join(_duplicates(name, key, {column.name.lower(): collation}) for key in unique),
    )


def _keyed(key: Key, name: str, facts: TableFacts) -> ReplicationClass:
    known = {column.uid for column in facts.before.columns}
    extra = [
        column.name
        for part in key.columns
        if (column := facts.after.column(part)) is not None and column.uid not in known
    ]
    if key.unique and extra:
        return _d(
            f"A unique key over {', '.join(extra)}, which row events do not carry: UPDATE and DELETE stop with 1032.",
            "Add and fill the column first; add the key in a later release.",
        )
    if key.kind == "primary":
        return _c(
            "Row events find rows by another primary key; a duplicate stops the applier (1062).",
            _duplicates(name, key, {}),
        )
    if key.unique:
        return _c("A duplicate written meanwhile stops the applier (1062).", _duplicates(name, key, {}))
    return _a("Row events find rows by any key that is there.")


def _duplicates(name: str, key: Key, collations: dict[str, str]) -> str:
    """The query that finds values a unique key would refuse; NULLs never collide."""
    terms, tested = [], []
    for part in key.parts:
        if part.column is None:
            terms.append(f"({part.expression})")
            continue
        term = _q(part.column)
        tested.append(f"{term} IS NOT NULL")
        if part.length is not None:
            term = f"LEFT({term}, {part.length})"
        collation = collations.get(part.column.lower())
        terms.append(f"{term} COLLATE {collation}" if collation else term)
    where = f" WHERE {' AND '.join(tested)}" if tested else ""
    return f"SELECT 1 FROM {_q(name)}{where} GROUP BY {', '.join(terms)} HAVING COUNT(*) > 1 LIMIT 1"


def _q(name: str) -> str:
    return ".".join(f"`{part.replace('`', '``')}`" for part in name.split("."))
