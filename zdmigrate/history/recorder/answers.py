"""What the recording server answers from the catalog: SHOW, DESCRIBE, information_schema, variables, functions."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Catalog, Column, ColumnType, Key, KeyPart, Table
from zdmigrate.history.effects.refusals import Refused
from zdmigrate.history.recorder.dictionary import DATABASE, column_key, open_dictionary
from zdmigrate.history.recorder.showing import column_type, default_text, quoted, show_create_table, string
from zdmigrate.history.recording import SessionState

_NAME = r"(?:`(?:[^`]|``)+`|[\w$]+)"
_TABLE = rf"({_NAME}(?:\s*\.\s*{_NAME})?)"
_FROM = rf"(?:\s+(?:FROM|IN)\s+({_NAME}))?"
_FILTER = r"(?:\s+LIKE\s+('(?:[^']|'')*'|\"[^\"]*\")|\s+WHERE\s+(.+?))?\s*;?\s*"

_SHOW_TABLES = re.compile(rf"SHOW\s+(EXTENDED\s+)?(FULL\s+)?TABLES{_FROM}{_FILTER}", re.I | re.S)
_SHOW_STATUS = re.compile(rf"SHOW\s+TABLE\s+STATUS{_FROM}{_FILTER}", re.I | re.S)
_SHOW_COLUMNS = re.compile(
    rf"SHOW\s+(?:EXTENDED\s+)?(FULL\s+)?(?:COLUMNS|FIELDS)\s+(?:FROM|IN)\s+{_TABLE}{_FROM}{_FILTER}", re.I | re.S
)
_SHOW_INDEX = re.compile(
    rf"SHOW\s+(?:EXTENDED\s+)?(?:INDEX|INDEXES|KEYS)\s+(?:FROM|IN)\s+{_TABLE}{_FROM}{_FILTER}", re.I | re.S
)
_SHOW_CREATE = re.compile(rf"SHOW\s+CREATE\s+(TABLE|VIEW)\s+{_TABLE}\s*;?\s*", re.I)
_SHOW_DATABASES = re.compile(rf"SHOW\s+(?:DATABASES|SCHEMAS){_FILTER}", re.I | re.S)
_SHOW_VARIABLES = re.compile(rf"SHOW\s+(?:GLOBAL\s+|SESSION\s+)?VARIABLES{_FILTER}", re.I | re.S)
_DESCRIBE = re.compile(rf"(?:DESCRIBE|DESC|EXPLAIN)\s+{_TABLE}(?:\s+({_NAME}|'[^']*'))?\s*;?\s*", re.I)
_VARIABLE = re.compile(r"@@(?:(?:session|global|local)\s*\.\s*)?`?(\w+)`?|@`?(\w+)`?", re.I)

_DESCRIBED = ("Field", "Type", "Null", "Key", "Default", "Extra")
_INDEX_COLUMNS = (
    "TABLE_NAME AS `Table`, NON_UNIQUE AS `Non_unique`, INDEX_NAME AS `Key_name`, SEQ_IN_INDEX AS `Seq_in_index`, "
    "COLUMN_NAME AS `Column_name`, COLLATION AS `Collation`, CARDINALITY AS `Cardinality`, SUB_PART AS `Sub_part`, "
    "PACKED AS `Packed`, NULLABLE AS `Null`, INDEX_TYPE AS `Index_type`, COMMENT AS `Comment`, "
    "INDEX_COMMENT AS `Index_comment`"
)
_COLUMN_COLUMNS = (
    "COLUMN_NAME AS `Field`, COLUMN_TYPE AS `Type`, IS_NULLABLE AS `Null`, COLUMN_KEY AS `Key`, "
    "COLUMN_DEFAULT AS `Default`, EXTRA AS `Extra`"
)

#: Stands for Alembic's own table, which exists in every real run and in no catalog.
VERSION_TABLE = Table(
    "alembic_version",
    columns=(Column("version_num", ColumnType("varchar", (32,)), nullable=False),),
    keys=(Key("PRIMARY", "primary", (KeyPart("version_num"),)),),
)


#: What SQLite takes and gives.
Value = str | bytes | int | float | None


class UnanswerableError(Exception):
    """The catalog does not hold the answer; the statement is an ordinary SELECT."""


@dataclass
class Answer:
    """Column labels and rows."""

    names: tuple[str, ...]
    rows: list[tuple[object, ...]]


@dataclass
class Answers:
    """The answering half of the recording server.

    Attributes:
        unsure: questions about what an incomplete catalog does not know, answered "no such thing".
        doubtful: tables that a revision we could not follow may have changed; asking for one is such a question.
        absent: tables asked for, during the whole replay, that a complete catalog did not have.
        last_insert_id: what LAST_INSERT_ID() says.
    """

    flavour: Flavour
    version_table: str = VERSION_TABLE.name
    unsure: list[str] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    last_insert_id: int = 0
    _dictionary: tuple[Catalog, sqlite3.Connection] | None = None

    def __post_init__(self) -> None:
        self._shows: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Catalog], Answer]], ...] = (
            (_SHOW_TABLES, self._show_tables),
            (_SHOW_CREATE, self._show_create),
            (_DESCRIBE, self._describe),
            (_SHOW_COLUMNS, self._show_columns),
            (_SHOW_INDEX, self._show_index),
            (_SHOW_STATUS, self._show_status),
            (_SHOW_DATABASES, self._show_databases),
        )

    @property
    def version(self) -> str:
        """What VERSION() says."""
        parts = (*self.flavour.version, 99, 99)[:3]
        text = ".".join(map(str, parts))
        return f"{text}-MariaDB" if self.flavour.is_mariadb else text

    def show(self, sql: str, catalog: Catalog, session: SessionState) -> Answer:
        """The answer to SHOW, DESCRIBE or EXPLAIN.

        Raises:
            UnanswerableError: when the catalog cannot say.
            Refused: when the server would refuse (a table that does not exist).
        """
        text = sql.strip()
        for pattern, answer in self._shows:
            if match := pattern.fullmatch(text):
                return answer(match, catalog)
        if match := _SHOW_VARIABLES.fullmatch(text):
            return self._show_variables(match, session)
        raise UnanswerableError(text)

    def select(self, sql: str, catalog: Catalog, session: SessionState) -> Answer:
        """The answer to a SELECT without tables, or from information_schema.

        Raises:
            UnanswerableError: when it uses what only a real server can evaluate.
        """
        found = self._query(sql, catalog, session)
        # What is listed is there; only "nothing" is no answer.
        nothing = not any(value not in (None, 0) for row in found.rows for value in row)
        if nothing and not catalog.complete and re.search(r"\binformation_schema\b", sql, re.I):
            self.unsure.append("what information_schema lists")
        return found

    def has_table(self, name: str, schema: str | None, catalog: Catalog) -> bool:
        """Whether there is a table or view of that name."""
        key = name if schema in (None, DATABASE) else f"{schema}.{name}"
        found = key in catalog.tables or key in catalog.views or key == self.version_table
        if not found:
            self._not_found(key, catalog)
        return found or key in catalog.temporary

    def variable(self, name: str, session: SessionState) -> Value:
        """The value of a system variable; None for one we do not know."""
        known: dict[str, Value] = {
            "version": self.version,
            "sql_mode": ",".join(sorted(session.sql_mode)),
            "foreign_key_checks": int(session.foreign_key_checks),
            "lock_wait_timeout": session.lock_wait_timeout or 31536000,
            "lower_case_table_names": 0,
            "autocommit": 0,
            "transaction_isolation": "REPEATABLE-READ",
            "tx_isolation": "REPEATABLE-READ",
            "character_set_database": "utf8mb4",
            "default_storage_engine": "InnoDB",
            "unique_checks": 1,
            "max_allowed_packet": 67108864,
        }
        settings = dict(session.variables)
        key = name.lower()
        if key in settings:
            return settings[key]
        if key not in known:
            self.unsure.append(f"the server variable {key}")
        return known.get(key)

    def _show_tables(self, match: re.Match[str], catalog: Catalog) -> Answer:
        if not catalog.complete:
            self.unsure.append("the list of tables")
        schema = _bare(match[3]) if match[3] else DATABASE
        label = f"Tables_in_{schema}"
        if match[5]:
            inner = (
                f"SELECT TABLE_NAME AS `{label}`, TABLE_TYPE AS `Table_type` FROM information_schema.tables "
                f"WHERE TABLE_SCHEMA = {string(schema)}"
            )
            chosen = "*" if match[2] else f"`{label}`"
            return self._query(f"SELECT {chosen} FROM ({inner}) WHERE {match[5]}", catalog, SessionState())
        prefix = "" if schema == DATABASE else f"{schema}."
        rows = sorted(
            (key.removeprefix(prefix), kind)
            for slot, kind in ((catalog.tables, "BASE TABLE"), (catalog.views, "VIEW"))
            for key in slot
            if key.startswith(prefix) and "." not in key[len(prefix) :]
        )
        if match[4]:
            rows = [row for row in rows if _like(row[0], match[4])]
        if match[2]:
            return Answer((label, "Table_type"), list(rows))
        return Answer((label,), [row[:1] for row in rows])

    def _show_create(self, match: re.Match[str], catalog: Catalog) -> Answer:
        key = table_key(match[2])
        view = catalog.views.get(key)
        if view is not None:
            text = f"CREATE ALGORITHM=UNDEFINED VIEW {quoted(key)} AS {view.definition}"
            return Answer(
                ("View", "Create View", "character_set_client", "collation_connection"), [(key, text, "", "")]
            )
        table = self._table(key, catalog)
        name = key.rpartition(".")[2]
        return Answer(("Table", "Create Table"), [(name, show_create_table(table, name))])

    def _describe(self, match: re.Match[str], catalog: Catalog) -> Answer:
        where = f" AND COLUMN_NAME LIKE {string(_bare(match[2]))}" if match[2] else ""
        return self._columns(table_key(match[1]), where, catalog)

    def _show_columns(self, match: re.Match[str], catalog: Catalog) -> Answer:
        key = table_key(match[2], match[3])
        where = f" AND COLUMN_NAME LIKE {match[4]}" if match[4] else ""
        return self._columns(key, where, catalog, outer=match[5], full=bool(match[1]))

    def _columns(
        self, key: str, where: str, catalog: Catalog, *, outer: str | None = None, full: bool = False
    ) -> Answer:
        if key == self.version_table and key not in catalog.tables:
            return Answer(_DESCRIBED, [_described(column, VERSION_TABLE) for column in VERSION_TABLE.columns])
        if key not in catalog.views:
            table = self._table(key, catalog)
            if not where and not full and outer is None:
                return Answer(_DESCRIBED, [_described(column, table) for column in table.columns])
        schema, _, name = key.rpartition(".")
        chosen = _COLUMN_COLUMNS
        if full:
            chosen = chosen.replace("IS_NULLABLE", "COLLATION_NAME AS `Collation`, IS_NULLABLE")
            chosen += ", '' AS `Privileges`, COLUMN_COMMENT AS `Comment`"
        inner = (
            f"SELECT {chosen} FROM information_schema.columns WHERE TABLE_SCHEMA = {string(schema or DATABASE)} "
            f"AND TABLE_NAME = {string(name)} COLLATE BINARY{where} ORDER BY ORDINAL_POSITION"
        )
        return self._query(f"SELECT * FROM ({inner}) WHERE {outer}" if outer else inner, catalog, SessionState())

    def _show_index(self, match: re.Match[str], catalog: Catalog) -> Answer:
        key = table_key(match[1], match[2])
        self._table(key, catalog)
        schema, _, name = key.rpartition(".")
        inner = (
            f"SELECT {_INDEX_COLUMNS} FROM information_schema.statistics WHERE TABLE_SCHEMA = "
            f"{string(schema or DATABASE)} AND TABLE_NAME = {string(name)} COLLATE BINARY"
        )
        return self._query(f"SELECT * FROM ({inner}) WHERE {match[4]}" if match[4] else inner, catalog, SessionState())

    def _show_status(self, match: re.Match[str], catalog: Catalog) -> Answer:
        where = f"Name LIKE {match[2]}" if match[2] else match[3] or "1"
        inner = (
            "SELECT TABLE_NAME AS `Name`, ENGINE AS `Engine`, 10 AS `Version`, ROW_FORMAT AS `Row_format`, TABLE_ROWS "
            "AS `Rows`, DATA_LENGTH AS `Data_length`, INDEX_LENGTH AS `Index_length`, AUTO_INCREMENT AS "
            "`Auto_increment`, TABLE_COLLATION AS `Collation`, TABLE_COMMENT AS `Comment` "
            f"FROM information_schema.tables WHERE TABLE_SCHEMA = {string(DATABASE)}"
        )
        if not catalog.complete:
            self.unsure.append("the list of tables")
        return self._query(f"SELECT * FROM ({inner}) WHERE {where}", catalog, SessionState())

    def _show_databases(self, match: re.Match[str], catalog: Catalog) -> Answer:
        names = ["information_schema", DATABASE]
        return Answer(("Database",), [(name,) for name in names if not match[1] or _like(name, match[1])])

    def _show_variables(self, match: re.Match[str], session: SessionState) -> Answer:
        wanted = match[1] or (match[2] and next(iter(re.findall(r"'[^']*'", match[2])), None))
        if not wanted or "%" in wanted:
            raise UnanswerableError(match.string)
        name = wanted.strip("'\"").replace("\\_", "_")
        value = self.variable(name, session)
        return Answer(("Variable_name", "Value"), [(name, str(value))] if value is not None else [])

    def _table(self, key: str, catalog: Catalog) -> Table:
        table = catalog.table(key)
        if table is None and key == self.version_table:
            return VERSION_TABLE
        if table is None:
            self._not_found(key, catalog)
            raise Refused(1146, f"Table '{key}' doesn't exist")
        if not table.complete or key in self.doubtful:
            self.unsure.append(f"the table {key}")
        return table

    def _not_found(self, key: str, catalog: Catalog) -> None:
        if catalog.complete:
            self.absent.add(key)
        else:
            self.unsure.append(f"the table {key}")

    def _query(self, sql: str, catalog: Catalog, session: SessionState) -> Answer:
        if self._dictionary is None or self._dictionary[0] is not catalog:
            if self._dictionary is not None:
                self._dictionary[1].close()
            self._dictionary = (catalog, open_dictionary(catalog))
        connection = self._dictionary[1]
        self._define_functions(connection, session)
        text = _VARIABLE.sub(lambda found: f"zd_variable({string(found[1] or '@' + found[2])})", sql.rstrip(" \n\t;"))
        try:
            cursor = connection.execute(text)
            rows = cursor.fetchall()
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise UnanswerableError(str(error)) from error
        names = tuple(str(column[0]) for column in cursor.description or ())
        return Answer(names, rows)

    def _define_functions(self, connection: sqlite3.Connection, session: SessionState) -> None:
        constants: dict[str, Value] = {
            "now": FABRICATED_TIME,
            "sysdate": FABRICATED_TIME,
            "uuid": FABRICATED_UUID,
            "database": DATABASE,
            "schema": DATABASE,
            "version": self.version,
            "row_count": 0,
            "found_rows": 0,
            "get_lock": 1,
            "release_lock": 1,
            "connection_id": 1,
            "last_insert_id": self.last_insert_id,
            "current_user": "root@%",
            "user": "root@localhost",
        }
        for name, value in constants.items():
            connection.create_function(name, -1, _constant(value))
        connection.create_function("zd_variable", 1, lambda name: self.variable(str(name), session))
        connection.create_function("concat", -1, _concat)
        connection.create_function("if", 3, _if)


#: What NOW() and UUID() say: recognisable in a statement that carries them.
FABRICATED_TIME = "1987-06-05 04:03:02"
FABRICATED_UUID = "5a646661-6272-4963-8000-000000000001"


def table_key(written: str, schema: str | None = None) -> str:
    """The catalog key of a table as written, in our own schema or another."""
    parts = [_bare(part.strip()) for part in re.findall(_NAME, written)]
    if schema is not None:
        parts.insert(0, _bare(schema))
    return parts[-1] if len(parts) == 1 or parts[0] == DATABASE else ".".join(parts)


def _bare(name: str) -> str:
    if name[:1] in ("`", '"', "'"):
        return name[1:-1].replace(name[0] * 2, name[0])
    return name


def _like(text: str, pattern: str) -> bool:
    wanted = re.escape(_bare(pattern).replace("\\_", "\0"))
    wanted = wanted.replace("%", ".*").replace("_", ".").replace("\\\x00", "_").replace("\0", "_")
    return re.fullmatch(wanted, text, re.I | re.S) is not None


def _constant(value: Value) -> Callable[..., Value]:
    return lambda *arguments: value


def _if(test: Value, yes: Value, no: Value) -> Value:
    return yes if test else no


def _concat(*parts: object) -> str | None:
    return None if any(part is None for part in parts) else "".join(map(str, parts))


def _described(column: Column, table: Table) -> tuple[object, ...]:
    extra = "auto_increment" if column.auto_increment else ""
    literal = column.default is not None and column.default.kind == "literal"
    default = column.default.text if column.default is not None and literal else default_text(column)
    nullable = "YES" if column.nullable else "NO"
    return (column.name, column_type(column.type), nullable, column_key(table, column.name), default, extra)


def labels_of(names: Sequence[str], tables: Sequence[str], catalog: Catalog) -> list[tuple[str, Column | None]]:
    """The labels of a SELECT with the columns behind them where they can be told; `*` is spread out."""
    known = [table for name in tables if (table := catalog.table(name)) is not None]
    found: list[tuple[str, Column | None]] = []
    for label in names:
        if label == "*" or label.endswith(".*"):
            found += [(column.name, column) for table in known for column in table.columns]
            continue
        found.append((label, _column(label, known)))
    return found


def _column(label: str, tables: Sequence[Table]) -> Column | None:
    bare = label.rpartition(".")[2].strip("`")
    for table in tables:
        prefix = f"{table.name.rpartition('.')[2]}_"
        for name in (bare, bare.removeprefix(prefix), re.sub(r"^anon_\d+_", "", bare).removeprefix(prefix)):
            if (column := table.column(name)) is not None:
                return column
    return None
