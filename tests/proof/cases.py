"""Generated schemas and changes, for hypothesis: every kind of DDL in the agreed table of operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import reject
from hypothesis import strategies as st

from tests.history.sql import after
from zdmigrate.flavour import Flavour
from zdmigrate.history.apply import Refused
from zdmigrate.history.catalog import Catalog, Column, Table

Draw = Callable[[st.SearchStrategy[str]], str]

INTEGERS = ("TINYINT", "SMALLINT", "INT", "INT UNSIGNED", "BIGINT", "BIGINT UNSIGNED", "TINYINT(1)", "MEDIUMINT")
STRINGS = (
    "VARCHAR(1)",
    "VARCHAR(20)",
    "VARCHAR(60)",
    "VARCHAR(300)",
    "CHAR(4)",
    "CHAR(20)",
    "TINYTEXT",
    "TEXT",
    "MEDIUMTEXT",
)
BYTES = ("BINARY(4)", "VARBINARY(20)", "BLOB", "BINARY(8)", "MEDIUMBLOB")
NUMBERS = (
    "DECIMAL(10,2)",
    "DECIMAL(12,2)",
    "DECIMAL(8,4)",
    "DECIMAL(10,2) UNSIGNED",
    "FLOAT",
    "DOUBLE",
    "BIT(1)",
    "BIT(8)",
)
TIMES = ("DATE", "DATETIME", "DATETIME(6)", "TIMESTAMP NULL", "TIME", "TIME(3)", "YEAR")
MEMBERS = (
    "ENUM('a','b')", "ENUM('a','b','c')", "ENUM('b','a')", "ENUM('a','x','b')", "ENUM('a','B')", "ENUM('a')",
    "SET('a','b')", "SET('a','b','c')", "SET('b','a')",
)  # fmt: skip
OTHER = ("JSON",)
TYPES = (*INTEGERS, *STRINGS, *BYTES, *NUMBERS, *TIMES, *MEMBERS, *OTHER)
CHARSETS = (
    "",
    "",
    "",
    "",
    " CHARACTER SET latin1",
    " CHARACTER SET utf8mb3",
    " CHARACTER SET ascii",
    " COLLATE utf8mb4_bin",
    " COLLATE utf8mb4_general_ci",
)
_FAMILIES = (INTEGERS, STRINGS, BYTES, NUMBERS, TIMES, MEMBERS, OTHER)
_NUMERIC = ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double")


def _is_text(kind: str) -> bool:
    return kind.startswith(("VARCHAR", "CHAR", "TINYTEXT", "TEXT", "MEDIUMTEXT", "ENUM", "SET"))


def _default(kind: str) -> tuple[str, ...]:
    """Defaults that fit a type, as SQL."""
    if kind in INTEGERS:
        return ("0", "5")
    if kind.startswith(("DECIMAL", "FLOAT", "DOUBLE", "BIT")):
        return ("0", "1")
    if kind.startswith(("VARCHAR", "CHAR")):
        return ("''", "'q'")
    if kind.startswith(("ENUM", "SET")):
        return ("'a'",)
    return {
        "DATE": ("'2020-01-01'",), "DATETIME": ("'2020-01-01 00:00:00'", "CURRENT_TIMESTAMP"),
        "DATETIME(6)": ("CURRENT_TIMESTAMP(6)",), "TIMESTAMP NULL": ("CURRENT_TIMESTAMP",),
        "TIME": ("'00:00:00'",), "YEAR": ("2020",), "BINARY(4)": ("'q'",), "VARBINARY(20)": ("'q'",),
    }.get(kind, ())  # fmt: skip


@st.composite
def definitions(draw: st.DrawFn, kind: str | None = None) -> str:
    """A column's type, charset, nullability and default."""
    kind = kind or draw(st.sampled_from(TYPES))
    text = kind
    if _is_text(kind):
        text += draw(st.sampled_from(CHARSETS))
    text += draw(st.sampled_from(["", " NOT NULL", " NOT NULL", " NULL"])) if "NULL" not in kind else ""
    defaults = _default(kind)
    wanted = draw(st.booleans())
    if defaults and wanted:
        text += f" DEFAULT {draw(st.sampled_from(list(defaults)))}"
    return text


@dataclass(frozen=True)
class Generated:
    """One case."""

    base: str
    changes: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n  ".join([self.base, *self.changes])


@st.composite
def cases(draw: st.DrawFn, flavour: Flavour) -> Generated:
    """A schema of one or two tables, and one to three changes."""
    base = draw(_bases(flavour))
    try:
        catalog = after(base, flavour=flavour)
    except Refused:
        reject()  # no schema
    changes = []
    for _ in range(draw(st.integers(1, 3))):
        for _ in range(4):  # what the server refuses is seldom worth running
            change = draw(_changes(catalog, flavour))
            try:
                catalog = after(change, flavour=flavour, start=catalog)
            except Refused:
                continue
            break
        changes.append(change)
    return Generated(base, tuple(changes))


@st.composite
def _bases(draw: st.DrawFn, flavour: Flavour) -> str:
    parts = [draw(st.sampled_from(["id INT AUTO_INCREMENT PRIMARY KEY", "id INT PRIMARY KEY", "id INT NOT NULL"]))]
    kinds = {}
    for name in "abc"[: draw(st.integers(1, 3))]:
        kinds[name] = draw(st.sampled_from(TYPES))
        parts.append(f"{name} {draw(definitions(kinds[name]))}")
    texts = []
    numeric = [name for name, kind in kinds.items() if kind in INTEGERS]
    if numeric and draw(st.integers(0, 4)) == 0:
        stored = draw(st.sampled_from(["VIRTUAL", "STORED"]))
        parts.append(f"g BIGINT AS ({numeric[0]} % 7) {stored}")
    for number in range(draw(st.integers(0, 2))):
        parts.append(_key(draw, kinds, f"k{number}"))
    if numeric and draw(st.integers(0, 4)) == 0:
        parts.append(f"CONSTRAINT ck CHECK ({numeric[0]} > -5)")
    if draw(st.integers(0, 2)) == 0:
        texts.append("CREATE TABLE p (id INT PRIMARY KEY, x INT NOT NULL DEFAULT 1)")
        action = draw(st.sampled_from(["", " ON DELETE CASCADE", " ON DELETE SET NULL"]))
        parts += ["p_id INT NULL", f"CONSTRAINT fk FOREIGN KEY (p_id) REFERENCES p (id){action}"]
    options = draw(st.sampled_from(["", "", "", " CHARACTER SET latin1", " ROW_FORMAT=REDUNDANT"]))
    texts.append(f"CREATE TABLE t ({', '.join(parts)}){options}")
    return "; ".join(texts)


def _key(draw: st.DrawFn, kinds: dict[str, str], name: str) -> str:
    """A key over one or two of the columns."""
    columns = draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=2, unique=True))
    chosen = [column + ("(5)" if kinds[column].endswith(("TEXT", "BLOB")) else "") for column in columns]
    kind = draw(st.sampled_from(["KEY", "UNIQUE KEY"]))
    return f"{kind} {name} ({', '.join(chosen)})"


@st.composite
def _changes(draw: st.DrawFn, catalog: Catalog, flavour: Flavour) -> str:
    known = sorted(name for name, table in catalog.tables.items() if table.columns)
    name = draw(st.sampled_from(known)) if known else "t"
    if name not in known or draw(st.integers(0, 9)) == 0:
        return draw(_of_tables(catalog))
    table = catalog.tables[name]
    count = draw(st.sampled_from([1, 1, 1, 2]))
    return f"ALTER TABLE {name} " + ", ".join(draw(_actions(table, catalog, flavour)) for _ in range(count))


@st.composite
def _of_tables(draw: st.DrawFn, catalog: Catalog) -> str:
    names = sorted(catalog.tables)
    name = draw(st.sampled_from(names)) if names else "t"
    choices = [
        "CREATE TABLE n (id INT PRIMARY KEY, v VARCHAR(9))",
        "CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY)",
        "CREATE TABLE nt (id INT PRIMARY KEY, t_id INT, FOREIGN KEY (t_id) REFERENCES t (id))",
        "CREATE TABLE nc (id INT PRIMARY KEY, t_id INT, FOREIGN KEY (t_id) REFERENCES t (id) ON DELETE CASCADE)",
        f"DROP TABLE {name}",
        f"RENAME TABLE {name} TO r",
        f"TRUNCATE TABLE {name}",
        f"CREATE VIEW vw AS SELECT * FROM {name}",
        f"CREATE TRIGGER tr BEFORE INSERT ON {name} FOR EACH ROW SET NEW.id = NEW.id",
        f"CREATE TRIGGER tx BEFORE DELETE ON {name} FOR EACH ROW SIGNAL SQLSTATE '45000'",
        f"CREATE INDEX ix ON {name} (id)",
        "SET SESSION foreign_key_checks = 0",
        "SET SESSION sql_mode = ''",
        f"OPTIMIZE TABLE {name}",
        f"CREATE TABLE s AS SELECT * FROM {name}",
        f"CREATE TABLE l LIKE {name}",
    ]
    return draw(st.sampled_from(choices))


@st.composite
def _actions(draw: st.DrawFn, table: Table, catalog: Catalog, flavour: Flavour) -> str:
    groups = [_add, _modify, _modify, _modify, _of_column, _of_column, _of_keys, _of_keys, _options]
    return draw(draw(st.sampled_from(groups))(table, catalog, flavour))


@st.composite
def _add(draw: st.DrawFn, table: Table, catalog: Catalog, flavour: Flavour) -> str:
    name = draw(st.sampled_from(["z", "y", "id2"]))
    place = draw(st.sampled_from(["", "", "", " FIRST", f" AFTER {table.columns[0].name}"]))
    numeric = [item.name for item in table.columns if item.type.name in _NUMERIC]
    source = draw(st.sampled_from(numeric)) if numeric else table.columns[0].name
    choices = [
        draw(definitions()),
        draw(definitions()),
        "INT NULL UNIQUE",
        "INT NOT NULL DEFAULT 0 UNIQUE",
        "BIGINT NOT NULL AUTO_INCREMENT UNIQUE",
        f"BIGINT AS ({source} % 3) {draw(st.sampled_from(['VIRTUAL', 'STORED']))}",
        f"INT AS ({source} + 1) {draw(st.sampled_from(['VIRTUAL', 'STORED']))}",
        "VARCHAR(40) DEFAULT (uuid())",
        "INT CHECK (y > 0)" if name == "y" else "INT NOT NULL DEFAULT 1 CHECK (1 = 1)",
        "INT NULL INVISIBLE",
    ]
    return f"ADD COLUMN {name} {draw(st.sampled_from(choices))}{place}"


def _chosen(draw: st.DrawFn, table: Table) -> Column:
    return draw(st.sampled_from(table.columns))


def _spelt(column: Column) -> str:
    """Its type as one of ours would be written."""
    kind = column.type
    if kind.members:
        return f"{kind.name.upper()}({','.join(f'{member!r}' for member in kind.members)})"
    arguments = f"({','.join(map(str, kind.args))})" if kind.args else ""
    return f"{kind.name.upper()}{arguments}{' UNSIGNED' if kind.unsigned else ''}"


@st.composite
def _modify(draw: st.DrawFn, table: Table, catalog: Catalog, flavour: Flavour) -> str:
    column = _chosen(draw, table)
    spelt = _spelt(column)
    family = next((group for group in _FAMILIES if spelt in group), TYPES)
    kind = draw(st.sampled_from([spelt, spelt, *family, draw(st.sampled_from(TYPES))]))
    keeps = draw(st.booleans())
    if keeps and column.generated is None:
        text = kind
        if _is_text(kind) and column.type.charset:
            text += f" CHARACTER SET {column.type.charset} COLLATE {column.type.collation}"
        text += "" if "NULL" in kind else " NULL" if column.nullable else " NOT NULL"
        if column.auto_increment:
            text += " AUTO_INCREMENT"
        elif column.default is not None and column.default.kind == "literal":
            text += f" DEFAULT '{column.default.text}'"
    else:
        text = draw(definitions(kind))
    extra = draw(st.sampled_from(["", "", "", " COMMENT 'note'", " FIRST", " INVISIBLE", " AUTO_INCREMENT"]))
    if draw(st.integers(0, 19)) == 0:
        text, extra = f"{kind.replace(' NULL', '')} AS (1) STORED", ""
    rename = draw(st.integers(0, 9)) == 0
    return f"CHANGE {column.name} nw {text}{extra}" if rename else f"MODIFY {column.name} {text}{extra}"


@st.composite
def _of_column(draw: st.DrawFn, table: Table, catalog: Catalog, flavour: Flavour) -> str:
    column = _chosen(draw, table)
    name = column.name
    defaults = [*_default(_spelt(column)), "NULL"]
    choices = [
        f"DROP COLUMN {name}",
        f"RENAME COLUMN {name} TO rn",
        f"ALTER {name} SET DEFAULT {draw(st.sampled_from(defaults))}",
        f"ALTER {name} DROP DEFAULT",
        f"ALTER {name} DROP DEFAULT",
        f"DROP COLUMN {name}, ADD COLUMN {name} INT",
    ]
    return draw(st.sampled_from(choices))


@st.composite
def _of_keys(draw: st.DrawFn, table: Table, catalog: Catalog, flavour: Flavour) -> str:
    columns = [item.name for item in table.columns]
    one, two = draw(st.sampled_from(columns)), draw(st.sampled_from(columns))
    listed = ", ".join(dict.fromkeys((one, two)))
    choices = [
        f"ADD INDEX nk ({listed})", f"ADD UNIQUE INDEX nu ({listed})", f"ADD UNIQUE INDEX nu ({one})",
        f"ADD PRIMARY KEY ({listed})", f"DROP PRIMARY KEY, ADD PRIMARY KEY ({listed})", "DROP PRIMARY KEY",
        f"ADD FULLTEXT INDEX ft ({one})", f"ADD UNIQUE INDEX np ({one}(3))",
        f"ADD CONSTRAINT nc CHECK ({one} IS NOT NULL)", f"ADD CONSTRAINT nc CHECK ({one} > 0)",
        f"ADD CONSTRAINT nf FOREIGN KEY ({one}) REFERENCES p (id)",
        f"ADD CONSTRAINT nf FOREIGN KEY ({one}) REFERENCES p (id) ON DELETE CASCADE",
    ]  # fmt: skip
    for key in table.keys:
        if key.kind != "primary":
            choices += [f"DROP INDEX {key.name}", f"RENAME INDEX {key.name} TO rk"]
            wider = ", ".join(dict.fromkeys((*key.columns, one)))
            choices += [f"DROP INDEX {key.name}, ADD UNIQUE INDEX {key.name} ({wider})"]
            choices += [f"ALTER INDEX {key.name} {'IGNORED' if flavour.is_mariadb else 'INVISIBLE'}"]
    choices += [f"DROP FOREIGN KEY {item.name}" for item in table.foreign_keys] * 2
    choices += [f"DROP CONSTRAINT {item.name}" for item in table.checks] * 2
    return draw(st.sampled_from(choices))


@st.composite
def _options(draw: st.DrawFn, table: Table, catalog: Catalog, flavour: Flavour) -> str:
    choices = [
        "COMMENT = 'c'", "ROW_FORMAT = DYNAMIC", "ROW_FORMAT = COMPRESSED", "ENGINE = InnoDB", "ENGINE = MyISAM",
        "FORCE", "AUTO_INCREMENT = 100", "DEFAULT CHARACTER SET utf8mb4", "DEFAULT CHARACTER SET latin1",
        "CONVERT TO CHARACTER SET utf8mb4", "CONVERT TO CHARACTER SET latin1", "CONVERT TO CHARACTER SET utf8mb3",
        "CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "RENAME TO r",
        "STATS_PERSISTENT = 0",
    ]  # fmt: skip
    return draw(st.sampled_from(choices))
