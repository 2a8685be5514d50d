"""An ALTER TABLE as elementary changes of the table, the same for every server.

A server compares the table before with the table after, and so do we: a restated column, or an index dropped and
added again as it was, is no change. Only what leaves no trace (FORCE, AUTO_INCREMENT=n, an option restated) is
taken from the actions.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from zdmigrate.history import syntax as s
from zdmigrate.history.catalog import Catalog, Column, Key, Table


class Kind(enum.StrEnum):
    """One elementary change."""

    ADD_COLUMN = "ADD COLUMN"
    ADD_AUTO_INCREMENT = "ADD COLUMN AUTO_INCREMENT"
    ADD_VIRTUAL = "ADD COLUMN, virtual"
    ADD_STORED = "ADD COLUMN, stored"
    DROP_COLUMN = "DROP COLUMN"
    DROP_VIRTUAL = "DROP COLUMN, virtual"
    RENAME_COLUMN = "RENAME COLUMN"
    REORDER = "moving a column"
    COLUMN_METADATA = "changing a column's default, comment or visibility"
    TYPE = "changing a column's type"
    NULLABLE = "NOT NULL to NULL"
    NOT_NULL = "NULL to NOT NULL"
    AUTO_INCREMENT_ON = "adding AUTO_INCREMENT"
    AUTO_INCREMENT_OFF = "removing AUTO_INCREMENT"
    EXPRESSION = "changing a generated column's expression"
    GENERATED_STATUS = "making a column generated, stored or plain"
    ADD_KEY = "ADD INDEX"
    DROP_KEY = "DROP INDEX"
    RENAME_KEY = "RENAME INDEX"
    KEY_VISIBILITY = "changing an index's visibility"
    KEY_TYPE = "changing an index's type"
    ADD_FOREIGN_KEY = "ADD FOREIGN KEY"
    DROP_FOREIGN_KEY = "DROP FOREIGN KEY"
    ADD_CHECK = "ADD CHECK"
    DROP_CHECK = "DROP CHECK"
    CHECK_OFF = "CHECK NOT ENFORCED"
    RENAME_TABLE = "RENAME TO"
    OPTION = "a table option"
    DEFAULT_CHARSET = "the table's default charset"
    ENGINE = "another engine"
    CONVERT = "CONVERT TO CHARACTER SET"
    PARTITION_BY = "PARTITION BY"
    PARTITIONS = "an operation on partitions"
    REBUILD = "rebuilding the table"
    ORDER_BY = "ORDER BY"
    ADD_VERSIONING = "ADD SYSTEM VERSIONING"
    DROP_VERSIONING = "DROP SYSTEM VERSIONING"
    KEYS_SWITCH = "DISABLE or ENABLE KEYS"
    OTHER = "an action we do not know"


@dataclass(frozen=True, slots=True)
class Change:
    """One elementary change, with what it is about."""

    kind: Kind
    name: str = ""
    before: Column | None = None
    after: Column | None = None
    key: Key | None = None
    value: str = ""
    last: bool = True


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What the servers look at beside the changes.

    Attributes:
        before, after: the table around the statement.
        strict, foreign_key_checks: of the session; variables: other session variables.
        referenced: columns of the table that a foreign key of any table points at, lower-case.
        temporary: it is a temporary table.
        converts: the statement has CONVERT TO CHARACTER SET.
        text: the statement, lower-case.
    """

    before: Table
    after: Table
    strict: bool = True
    foreign_key_checks: bool = True
    variables: tuple[tuple[str, str], ...] = ()
    referenced: frozenset[str] = frozenset()
    temporary: bool = False
    converts: bool = False
    text: str = ""

    @property
    def innodb(self) -> bool:
        """InnoDB before and after."""
        return self.before.engine.lower() == "innodb"

    @property
    def compressed(self) -> bool:
        """ROW_FORMAT=COMPRESSED, or a KEY_BLOCK_SIZE, which means the same."""
        return (self.before.row_format or "").upper() == "COMPRESSED" or "key_block_size" in dict(self.before.options)

    @property
    def redundant(self) -> bool:
        """ROW_FORMAT=REDUNDANT."""
        return (self.before.row_format or "").upper() == "REDUNDANT"

    def kept(self, kind: str) -> int:
        """How many indexes of that kind are there before and after."""
        after = {key.name.lower() for key in self.after.keys if key.kind == kind}
        return sum(key.kind == kind and key.name.lower() in after for key in self.before.keys)

    @property
    def fulltext_before(self) -> int:
        """How many FULLTEXT indexes the table has before (one is enough for the hidden document id)."""
        return sum(key.kind == "fulltext" for key in self.before.keys)

    @property
    def indexed_virtual(self) -> bool:
        """A VIRTUAL column is in an index before and after."""
        return any(
            column.generated is not None and not column.generated.stored and self.before.keys_on(column.name)
            for column in self.before.columns
            if self.after.column_by_uid(column.uid) is not None
        )

    def keys_on(self, column: Column) -> tuple[Key, ...]:
        """The indexes that have this column, before."""
        return self.before.keys_on(column.name)

    def variable(self, name: str) -> str:
        """A session variable's value, upper-case, or ""."""
        return dict(self.variables).get(name, "").upper()


def referenced_columns(catalog: Catalog, name: str) -> frozenset[str]:
    """Columns of table `name` that foreign keys point at."""
    return frozenset(column.lower() for _, fk in catalog.references_to(name) for column in fk.ref_columns)


def changes_of(node: s.AlterTable, facts: TableFacts) -> list[Change]:
    """The elementary changes of an ALTER TABLE, CREATE INDEX or DROP INDEX."""
    found = list(_columns(node, facts))
    found += _keys(node, facts)
    found += _constraints(facts)
    for action in node.actions:
        found += _of_action(action, facts)
    return found


def _columns(node: s.AlterTable, facts: TableFacts) -> Iterator[Change]:
    before, after = facts.before, facts.after
    kept = {column.uid for column in before.columns if after.column_by_uid(column.uid) is not None}
    for column in before.columns:
        if column.uid not in kept:
            virtual = column.generated is not None and not column.generated.stored
            yield Change(Kind.DROP_VIRTUAL if virtual else Kind.DROP_COLUMN, column.name, before=column)
    old_places = [index for index, column in enumerate(after.columns) if column.uid in kept]
    for index, column in enumerate(after.columns):
        if column.uid in kept:
            was = before.column_by_uid(column.uid)
            assert was is not None
            yield from _of_column(was, column)
            continue
        yield Change(_kind_of_new(column), column.name, after=column, last=index > max(old_places, default=-1))
    order = [column.uid for column in after.columns if column.uid in kept]
    if order != [column.uid for column in before.columns if column.uid in kept]:
        moved = [a.column.name for a in node.actions if isinstance(a, s.ModifyColumn) and a.position is not None]
        for name in moved:
            yield Change(Kind.REORDER, name, after=after.column(name))


def _kind_of_new(column: Column) -> Kind:
    if column.generated is not None:
        return Kind.ADD_STORED if column.generated.stored else Kind.ADD_VIRTUAL
    return Kind.ADD_AUTO_INCREMENT if column.auto_increment else Kind.ADD_COLUMN


def _of_column(was: Column, now: Column) -> Iterator[Change]:
    def change(kind: Kind) -> Change:
        return Change(kind, was.name, was, now)

    if was.name.lower() != now.name.lower():
        yield change(Kind.RENAME_COLUMN)
    if (was.generated is None) != (now.generated is None) or (
        was.generated and now.generated and was.generated.stored != now.generated.stored
    ):
        yield change(Kind.GENERATED_STATUS)
        return
    if was.generated != now.generated:
        yield change(Kind.EXPRESSION)
    if not same_type(was, now):
        yield change(Kind.TYPE)
    if was.nullable != now.nullable:
        yield change(Kind.NULLABLE if now.nullable else Kind.NOT_NULL)
    if was.auto_increment != now.auto_increment:
        yield change(Kind.AUTO_INCREMENT_ON if now.auto_increment else Kind.AUTO_INCREMENT_OFF)
    if any(getattr(was, name) != getattr(now, name) for name in ("default", "on_update", "comment", "invisible")):
        yield change(Kind.COLUMN_METADATA)


def same_type(was: Column, now: Column) -> bool:
    """The same type for the server: TINYINT(1) and TINYINT are, and so are names of the same charset."""
    old, new = was.type, now.type
    if old.name == new.name and old.name == "tinyint":
        old, new = replace(old, args=()), replace(new, args=())
    return old == new and was.srid == now.srid


def _definition(table: Table, key: Key) -> tuple[object, ...]:
    """What an index is made of, columns by their identity, so that a rename is no change."""
    uids = {column.name.lower(): column.uid for column in table.columns}
    parts = tuple(
        (uids.get(part.column.lower(), 0) if part.column else None, part.expression, part.length, part.descending)
        for part in key.parts
    )
    return key.kind, key.parser, parts


def _keys(node: s.AlterTable, facts: TableFacts) -> Iterator[Change]:
    before, after = facts.before, facts.after
    renamed = {a.old.lower(): a.new for a in node.actions if isinstance(a, s.RenameKey)}
    claimed: set[str] = set()
    for key in before.keys:
        if key.name.lower() in renamed:
            yield Change(Kind.RENAME_KEY, key.name, key=key)
        now = after.key(renamed.get(key.name.lower(), key.name))
        if now is None:
            yield Change(Kind.DROP_KEY, key.name, key=key)
            continue
        claimed.add(now.name.lower())
        if key.parts and _definition(before, key) != _definition(after, now):
            yield Change(Kind.DROP_KEY, key.name, key=key)
            yield Change(Kind.ADD_KEY, now.name, key=now)
        elif (key.using or "BTREE").upper() != (now.using or "BTREE").upper():
            yield Change(Kind.KEY_TYPE, key.name, key=now)
        elif key.visible != now.visible or key.comment != now.comment:
            yield Change(Kind.KEY_VISIBILITY, key.name, key=now)
    for key in after.keys:
        if key.name.lower() not in claimed:
            yield Change(Kind.ADD_KEY, key.name, key=key)


def _constraints(facts: TableFacts) -> Iterator[Change]:
    before, after = facts.before, facts.after
    old = {fk.name.lower(): fk for fk in before.foreign_keys}
    new = {fk.name.lower(): fk for fk in after.foreign_keys}
    for name, fk in old.items():
        now = new.get(name)
        if now is None or (fk.ref_table, fk.on_delete, fk.on_update) != (now.ref_table, now.on_delete, now.on_update):
            yield Change(Kind.DROP_FOREIGN_KEY, fk.name)
    for name, fk in new.items():
        was = old.get(name)
        if was is None or (fk.ref_table, fk.on_delete, fk.on_update) != (was.ref_table, was.on_delete, was.on_update):
            yield Change(Kind.ADD_FOREIGN_KEY, fk.name)
    checks = {check.name.lower(): check for check in before.checks}
    renamed = _renamed(before, after)
    for check in after.checks:
        known = checks.pop(check.name.lower(), None)
        if known is None or _with_names(known.expression, renamed) != _with_names(check.expression, {}):
            own = check.column is not None and before.column(check.column) is None
            if not own:  # MariaDB keeps a new column's own CHECK in its definition: it costs nothing
                yield Change(Kind.ADD_CHECK if check.enforced else Kind.CHECK_OFF, check.name)
        elif known.enforced != check.enforced:
            yield Change(Kind.ADD_CHECK if check.enforced else Kind.CHECK_OFF, check.name)
    for check in checks.values():
        yield Change(Kind.DROP_CHECK, check.name)
    if before.system_versioned != after.system_versioned:
        yield Change(Kind.ADD_VERSIONING if after.system_versioned else Kind.DROP_VERSIONING)


def _renamed(before: Table, after: Table) -> dict[str, str]:
    """New names of the columns that were renamed, by their old ones, lower-case."""
    return {
        column.name.lower(): now.name.lower()
        for column in before.columns
        if (now := after.column_by_uid(column.uid)) is not None and now.name.lower() != column.name.lower()
    }


def _with_names(expression: str, renamed: dict[str, str]) -> str:
    """A CHECK's expression with the columns' new names, quoting and case left out."""
    bare = expression.replace("`", "").lower()
    return re.sub(r"[a-z_$][\w$]*", lambda word: renamed.get(word[0], word[0]), bare)


def _of_action(action: s.AlterAction, facts: TableFacts) -> Iterator[Change]:
    match action:
        case s.RenameTo(name=name):
            yield Change(Kind.RENAME_TABLE, name)
        case s.SetOptions(options=options):
            for name, value in options:
                yield from _of_option(name.lower(), value, facts)
        case s.ConvertCharset():
            yield Change(Kind.CONVERT)
        case s.PartitionBy():
            yield Change(Kind.PARTITION_BY)
        case s.AlterPartitions(operation=operation):
            remove = operation.upper().startswith("REMOVE")
            yield Change(Kind.PARTITION_BY if remove else Kind.PARTITIONS, value=operation.upper().split()[0])
        case s.Rebuild():
            yield Change(Kind.ORDER_BY if re.search(r"\border\s+by\b", facts.text) else Kind.REBUILD)
        case s.OtherAction(text=text):
            switch = re.match(r"(?i)\s*(disable|enable)\s+keys", text)
            yield Change(Kind.KEYS_SWITCH if switch else Kind.OTHER, value=text)
        case _:
            pass


def _of_option(name: str, value: str, facts: TableFacts) -> Iterator[Change]:
    if name == "engine":
        same = value.lower() == facts.before.engine.lower()
        yield Change(Kind.REBUILD if same else Kind.ENGINE, value=value)
    elif name in ("charset", "collate", "character set", "default charset"):
        yield Change(Kind.DEFAULT_CHARSET, value=value)
    else:
        yield Change(Kind.OPTION, name, value=value)
