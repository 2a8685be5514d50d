"""What a schema is made of: tables with their columns, keys and constraints; views, triggers, routines.

Immutable values; `catalog` puts them together. Import them from there.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Literal

_uids = itertools.count(1)


def new_uid() -> int:
    """A number no other catalog object of this process has."""
    return next(_uids)


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column's type in canonical form.

    Attributes:
        name: lower-case base name after alias folding: `integer` -> `int`, `bool`/`boolean` -> `tinyint` with
            args (1,), `dec`/`numeric`/`fixed` -> `decimal`, `character varying` -> `varchar`,
            `double precision`/`real` -> `double`, `nchar`/`nvarchar` -> char/varchar + utf8mb3, `json`
            stays `json` (MariaDB: alias of longtext, kept as json here), `serial` -> `bigint` unsigned.
        args: length, precision and scale, or fractional seconds; display widths of integer types are
            dropped (they mean nothing), except tinyint(1).
        unsigned, zerofill: integer and decimal attributes.
        members: values of ENUM and SET, in order, unquoted.
        charset, collation: resolved (from the column, else the table, else the schema) for character
            types; None for the rest.
    """

    name: str
    args: tuple[int, ...] = ()
    unsigned: bool = False
    zerofill: bool = False
    members: tuple[str, ...] = ()
    charset: str | None = None
    collation: str | None = None


@dataclass(frozen=True, slots=True)
class Default:
    """A column's DEFAULT.

    Attributes:
        text: a literal's value without quotes, or the expression's SQL (lower-cased function names).
        kind: "literal" (numbers, strings, booleans as 0/1), "now" (CURRENT_TIMESTAMP and its synonyms,
            with precision in `text`), or "expression". An explicit DEFAULT NULL is no default at all.
        quoted: whether the literal was written as a string. Only BIT and YEAR take '0' for something else than 0, and
            there `text` is the value that is stored once the column is known; so it is not compared.
    """

    text: str
    kind: Literal["literal", "now", "expression"] = "literal"
    quoted: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Generated:
    """GENERATED ALWAYS AS (expression), stored or virtual."""

    expression: str
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    type: ColumnType
    nullable: bool = True
    default: Default | None = None
    auto_increment: bool = False
    on_update: str | None = None
    generated: Generated | None = None
    comment: str = ""
    invisible: bool = False
    srid: int | None = None
    uid: int = field(default_factory=new_uid, compare=False)
    #: NULL was written out in the statement (it matters for primary keys and for old TIMESTAMP rules only).
    explicit_null: bool = field(default=False, compare=False)
    #: DEFAULT NULL was written out (a server refuses it for what is NOT NULL).
    null_default: bool = field(default=False, compare=False)

    @property
    def insert_may_omit(self) -> bool:
        """True when an INSERT that does not name this column succeeds in strict mode."""
        return self.nullable or self.default is not None or self.auto_increment or self.generated is not None


@dataclass(frozen=True, slots=True)
class KeyPart:
    """One part of a key: a column (with an optional prefix length in characters) or an expression."""

    column: str | None
    expression: str | None = None
    length: int | None = None
    descending: bool = False


KeyKind = Literal["primary", "unique", "index", "fulltext", "spatial"]


@dataclass(frozen=True, slots=True)
class Key:
    """An index. The primary key is named PRIMARY.

    Attributes:
        generated: True when the server made it by itself to support a foreign key; such an index
            disappears when an explicit one can replace it.
    """

    name: str
    kind: KeyKind
    parts: tuple[KeyPart, ...]
    visible: bool = True
    using: str | None = None
    parser: str | None = None
    comment: str = ""
    generated: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names of the parts that are plain columns (prefix lengths left out)."""
        return tuple(part.column for part in self.parts if part.column is not None)

    @property
    def unique(self) -> bool:
        """True for PRIMARY and UNIQUE."""
        return self.kind in ("primary", "unique")


Action = Literal["RESTRICT", "CASCADE", "SET NULL", "NO ACTION", "SET DEFAULT"]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key; `ref_table` is a catalog key. RESTRICT and NO ACTION mean the same to InnoDB."""

    name: str
    columns: tuple[str, ...]
    ref_table: str
    ref_columns: tuple[str, ...]
    on_delete: Action = "NO ACTION"
    on_update: Action = "NO ACTION"


@dataclass(frozen=True, slots=True)
class Check:
    """A CHECK constraint.

    Attributes:
        column: MariaDB keeps a CHECK written inside a column's definition as part of that column: it has the
            column's name, and lives and dies with the definition. None for every other constraint.
    """

    name: str
    expression: str
    enforced: bool = True
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Partitioning:
    """PARTITION BY: the whole clause, normalised, and the names of the partitions."""

    clause: str
    method: str
    columns: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One base table.

    Attributes:
        complete: False when we have only met this table in passing (an ALTER of a table whose creation
            we did not see): what is listed is true, what is not listed is unknown.
        options: other table options, lower-case names (`auto_increment`, `key_block_size`, ...).
    """

    name: str
    columns: tuple[Column, ...] = ()
    keys: tuple[Key, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    engine: str = "InnoDB"
    charset: str | None = None
    collation: str | None = None
    row_format: str | None = None
    comment: str = ""
    options: tuple[tuple[str, str], ...] = ()
    partitioning: Partitioning | None = None
    system_versioned: bool = False
    complete: bool = True
    uid: int = field(default_factory=new_uid, compare=False)

    def column(self, name: str) -> Column | None:
        """The column of that name (case-insensitive), or None."""
        wanted = name.lower()
        for column in self.columns:
            if column.name.lower() == wanted:
                return column
        return None

    def column_by_uid(self, uid: int) -> Column | None:
        """The column that has lived on as `uid`, whatever it is called now."""
        for column in self.columns:
            if column.uid == uid:
                return column
        return None

    def key(self, name: str) -> Key | None:
        """The key of that name (case-insensitive), or None."""
        wanted = name.lower()
        for key in self.keys:
            if key.name.lower() == wanted:
                return key
        return None

    @property
    def primary_key(self) -> Key | None:
        """The primary key, or None."""
        return self.key("PRIMARY")

    def foreign_key(self, name: str) -> ForeignKey | None:
        """The foreign key of that name (case-insensitive), or None."""
        wanted = name.lower()
        return next((fk for fk in self.foreign_keys if fk.name.lower() == wanted), None)

    def check(self, name: str) -> Check | None:
        """The CHECK constraint of that name (case-insensitive), or None."""
        wanted = name.lower()
        return next((check for check in self.checks if check.name.lower() == wanted), None)

    def keys_on(self, column: str) -> tuple[Key, ...]:
        """The keys that have `column` among their parts."""
        wanted = column.lower()
        return tuple(key for key in self.keys if wanted in (name.lower() for name in key.columns))


@dataclass(frozen=True, slots=True)
class View:
    """A view; `tables` and `columns` name what its SELECT reads where we could tell.

    Attributes:
        options: what is not as it is by default: "ALGORITHM=TEMPTABLE", "SQL SECURITY INVOKER", "WITH LOCAL CHECK
            OPTION", and "DEFINER=user@host" when a replacement named another account than the one before.
        definer: the account named when it was created, where one was.
    """

    name: str
    definition: str
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    definer: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger: when ("BEFORE"/"AFTER"), event, table, and the body's SQL text."""

    name: str
    table: str
    timing: str
    event: str
    body: str


@dataclass(frozen=True, slots=True)
class Routine:
    """A stored procedure, function or event (`kind`), with its text."""

    name: str
    kind: Literal["procedure", "function", "event"]
    definition: str
