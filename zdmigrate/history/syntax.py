"""The statement tree: what one SQL statement says, before it meets a catalog.

`statements.parse` builds these values; `apply` turns them into a delta. Definitions inside them (columns,
keys) are catalog values still to be completed (charset unresolved, names of unnamed keys empty).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from zdmigrate.history.catalog import Check, Column, Default, ForeignKey, Key, Partitioning, Routine, Trigger

# ---- actions of ALTER TABLE ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Position:
    """FIRST (`after` is None) or AFTER a column."""

    after: str | None


@dataclass(frozen=True, slots=True)
class AddColumn:
    """ADD [COLUMN] definition [FIRST | AFTER c]; `keys` and `checks` come from inline UNIQUE, PRIMARY KEY, CHECK."""

    column: Column
    position: Position | None = None
    keys: tuple[Key, ...] = ()
    checks: tuple[Check, ...] = ()
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropColumn:
    """DROP [COLUMN] [IF EXISTS] name."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class ModifyColumn:
    """MODIFY (old_name == column.name) or CHANGE (may rename): the whole definition is replaced."""

    old_name: str
    column: Column
    position: Position | None = None
    keys: tuple[Key, ...] = ()
    checks: tuple[Check, ...] = ()
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class RenameColumn:
    """RENAME COLUMN old TO new."""

    old: str
    new: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class SetColumnDefault:
    """ALTER [COLUMN] name SET DEFAULT value; `default` None means SET DEFAULT NULL."""

    name: str
    default: Default | None
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropColumnDefault:
    """ALTER [COLUMN] name DROP DEFAULT."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class SetColumnVisibility:
    """ALTER [COLUMN] name SET VISIBLE | INVISIBLE."""

    name: str
    visible: bool


@dataclass(frozen=True, slots=True)
class AddKey:
    """ADD INDEX | UNIQUE | PRIMARY KEY | FULLTEXT | SPATIAL; CREATE INDEX comes as this too. Name may be empty."""

    key: Key
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropKey:
    """DROP INDEX | KEY name, DROP PRIMARY KEY (name PRIMARY); DROP INDEX ... ON comes as this too."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class RenameKey:
    """RENAME INDEX old TO new."""

    old: str
    new: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class SetKeyVisibility:
    """ALTER INDEX name VISIBLE | INVISIBLE (MariaDB: NOT IGNORED | IGNORED)."""

    name: str
    visible: bool


@dataclass(frozen=True, slots=True)
class AddForeignKey:
    """ADD [CONSTRAINT name] FOREIGN KEY ...; `index_name` is the optional index name before the columns.

    `inline` says that it was written as REFERENCES inside a column definition, which MySQL before 9.0 ignores.
    """

    foreign_key: ForeignKey
    index_name: str | None = None
    if_not_exists: bool = False
    inline: bool = False


@dataclass(frozen=True, slots=True)
class DropForeignKey:
    """DROP FOREIGN KEY name."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class AddCheck:
    """ADD [CONSTRAINT name] CHECK (expression) [NOT ENFORCED]."""

    check: Check
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropCheck:
    """DROP CHECK name."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class SetCheckEnforced:
    """ALTER CHECK | CONSTRAINT name [NOT] ENFORCED."""

    name: str
    enforced: bool


@dataclass(frozen=True, slots=True)
class DropConstraint:
    """DROP CONSTRAINT name: a key, a foreign key or a check, whichever has that name."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class RenameTo:
    """RENAME [TO | AS] new_name, inside ALTER TABLE."""

    name: str


@dataclass(frozen=True, slots=True)
class SetOptions:
    """Table options: lower-case names, e.g. engine, row_format, comment, auto_increment, charset, collate.

    `charset`/`collate` here are the table's default only; existing columns keep theirs.
    """

    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ConvertCharset:
    """CONVERT TO CHARACTER SET charset [COLLATE collation]; charset None means DEFAULT."""

    charset: str | None
    collation: str | None = None


@dataclass(frozen=True, slots=True)
class PartitionBy:
    """PARTITION BY ...: the whole table is partitioned anew."""

    partitioning: Partitioning


@dataclass(frozen=True, slots=True)
class AlterPartitions:
    """ADD, DROP, TRUNCATE, COALESCE, REORGANIZE, EXCHANGE, ANALYZE, CHECK, OPTIMIZE, REBUILD, REPAIR, DISCARD,
    IMPORT PARTITION, or REMOVE PARTITIONING (operation "REMOVE"). `names` are the partitions named, `with_table`
    the table of an EXCHANGE, `added` the partitions that exist afterwards and did not before."""

    operation: str
    names: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    with_table: str | None = None


@dataclass(frozen=True, slots=True)
class Rebuild:
    """FORCE, or ORDER BY: the table is rebuilt as it is."""


@dataclass(frozen=True, slots=True)
class SetSystemVersioning:
    """MariaDB: ADD | DROP SYSTEM VERSIONING."""

    enabled: bool


@dataclass(frozen=True, slots=True)
class OtherAction:
    """An ALTER TABLE action that changes nothing old code can see and that we only name (DISABLE KEYS, ...)."""

    text: str


AlterAction = (
    AddColumn
    | DropColumn
    | ModifyColumn
    | RenameColumn
    | SetColumnDefault
    | DropColumnDefault
    | SetColumnVisibility
    | AddKey
    | DropKey
    | RenameKey
    | SetKeyVisibility
    | AddForeignKey
    | DropForeignKey
    | AddCheck
    | DropCheck
    | SetCheckEnforced
    | DropConstraint
    | RenameTo
    | SetOptions
    | ConvertCharset
    | PartitionBy
    | AlterPartitions
    | Rebuild
    | SetSystemVersioning
    | OtherAction
)

# ---- statements ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateTable:
    """CREATE TABLE. `actions` hold its definitions as AddColumn, AddKey, AddForeignKey, AddCheck, SetOptions,
    PartitionBy in order; `like` and `select` are for CREATE TABLE ... LIKE and ... [AS] SELECT."""

    name: str
    actions: tuple[AlterAction, ...] = ()
    if_not_exists: bool = False
    or_replace: bool = False
    temporary: bool = False
    like: str | None = None
    select: Select | None = None


@dataclass(frozen=True, slots=True)
class AlterTable:
    """ALTER TABLE, CREATE INDEX, DROP INDEX (`form` tells which was written).

    `algorithm`, `lock`, `wait` are upper-case values of those clauses, or None.
    """

    name: str
    actions: tuple[AlterAction, ...]
    algorithm: str | None = None
    lock: str | None = None
    wait: str | None = None
    if_exists: bool = False
    form: Literal["ALTER TABLE", "CREATE INDEX", "DROP INDEX"] = "ALTER TABLE"


@dataclass(frozen=True, slots=True)
class DropTable:
    """DROP [TEMPORARY] TABLE."""

    names: tuple[str, ...]
    if_exists: bool = False
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class RenameTable:
    """RENAME TABLE a TO b, c TO d: pairs are carried out left to right, atomically."""

    pairs: tuple[tuple[str, str], ...]
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class TruncateTable:
    """TRUNCATE [TABLE] name."""

    name: str


@dataclass(frozen=True, slots=True)
class MaintainTable:
    """OPTIMIZE, ANALYZE, CHECK, REPAIR, CHECKSUM TABLE (`verb`)."""

    verb: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CreateView:
    """CREATE [OR REPLACE] VIEW, or ALTER VIEW (`or_replace` and `altered` True). `options` are those written out, each
    as "ALGORITHM=...", "DEFINER=user@host", "SQL SECURITY ..." or "WITH CASCADED | LOCAL CHECK OPTION"."""

    name: str
    select: str
    columns: tuple[str, ...] = ()
    or_replace: bool = False
    reads: tuple[str, ...] = ()
    if_not_exists: bool = False
    options: tuple[str, ...] = ()
    altered: bool = False


@dataclass(frozen=True, slots=True)
class DropView:
    """DROP VIEW."""

    names: tuple[str, ...]
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateTrigger:
    """CREATE [OR REPLACE] TRIGGER."""

    trigger: Trigger
    or_replace: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropTrigger:
    """DROP TRIGGER."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateRoutine:
    """CREATE [OR REPLACE] PROCEDURE | FUNCTION | EVENT; `altered` True for the ALTER forms."""

    routine: Routine
    or_replace: bool = False
    if_not_exists: bool = False
    altered: bool = False


@dataclass(frozen=True, slots=True)
class DropRoutine:
    """DROP PROCEDURE | FUNCTION | EVENT."""

    kind: Literal["procedure", "function", "event"]
    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class CallRoutine:
    """CALL procedure(...): what it does is not in the statement.

    `carried_out` is filled in where the procedure's body tells (see `procedures`): the change it makes, or none.
    """

    name: str
    carried_out: tuple[Node, ...] | None = None


@dataclass(frozen=True, slots=True)
class ChangeDatabase:
    """CREATE, DROP or ALTER DATABASE | SCHEMA (`verb`)."""

    verb: Literal["CREATE", "DROP", "ALTER"]
    name: str
    if_exists: bool = False
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Assignment:
    """`column = value` of an UPDATE, or one column of INSERT ... VALUES.

    Attributes:
        table: catalog key of the table written, when several are updated.
        value: the SQL of the right-hand side, or None when it is a bound parameter without a value.
        literal: the Python value when it is a literal or a bound parameter (str, int, float, bool, bytes, None).
        constant: True when `literal` holds the value.
        reads: columns the right-hand side reads.
    """

    column: str
    value: str | None = None
    literal: object = None
    constant: bool = False
    reads: tuple[str, ...] = ()
    table: str | None = None


@dataclass(frozen=True, slots=True)
class Insert:
    """INSERT or REPLACE (`verb`). `rows` holds one tuple of assignments a VALUES row; `columns` is empty for an
    INSERT without a column list; `select_reads` are the tables an INSERT ... SELECT reads."""

    table: str
    verb: Literal["INSERT", "REPLACE"] = "INSERT"
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Assignment, ...], ...] = ()
    select_reads: tuple[str, ...] = ()
    from_select: bool = False
    ignore: bool = False
    on_duplicate: tuple[Assignment, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """UPDATE. `where` is the condition's SQL or None; `null_guards` are columns the condition requires to be NULL."""

    tables: tuple[str, ...]
    assignments: tuple[Assignment, ...]
    where: str | None = None
    null_guards: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE from `tables`; `reads` are other tables it joins."""

    tables: tuple[str, ...]
    where: str | None = None
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadData:
    """LOAD DATA | XML into a table."""

    table: str


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT, SHOW, EXPLAIN, DESCRIBE, WITH ... SELECT: reads only. `aggregate` True when every selected
    expression is an aggregate, so exactly one row answers. `names` are the result's column labels where known."""

    tables: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    aggregate: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class SetVariable:
    """SET [SESSION | GLOBAL | PERSIST | @@...] name = value, one statement each variable; user variables have
    scope "user". `value` is the SQL text, upper-cased when it is a bare word."""

    scope: Literal["session", "global", "persist", "user"]
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Use:
    """USE database."""

    name: str


@dataclass(frozen=True, slots=True)
class Transaction:
    """BEGIN, START TRANSACTION, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, SET TRANSACTION, LOCK/UNLOCK TABLES, FLUSH, DO,
    KILL, PREPARE-free housekeeping: nothing that outlives the session."""

    text: str
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Privilege:
    """GRANT, REVOKE, CREATE/ALTER/DROP/RENAME USER or ROLE, SET PASSWORD (`verb`)."""

    verb: str
    text: str


@dataclass(frozen=True, slots=True)
class Opaque:
    """A statement nobody could parse, with why; it is judged `unknown`."""

    reason: str


Node = (
    CreateTable
    | AlterTable
    | DropTable
    | RenameTable
    | TruncateTable
    | MaintainTable
    | CreateView
    | DropView
    | CreateTrigger
    | DropTrigger
    | CreateRoutine
    | DropRoutine
    | CallRoutine
    | ChangeDatabase
    | Insert
    | Update
    | Delete
    | LoadData
    | Select
    | SetVariable
    | Use
    | Transaction
    | Privilege
    | Opaque
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement: its text as sent (parameters rendered for reading, secrets never), and its tree.

    `redacted` is True when a password was blotted out of `sql`, which must then not be sent to a server.
    """

    sql: str
    node: Node
    parameters: tuple[object, ...] = field(default=(), compare=False)
    redacted: bool = False
