"""Column types, defaults and attributes in canonical form."""

from __future__ import annotations

import pytest

from zdmigrate.history.catalog import Column, ColumnType, Default, Generated
from zdmigrate.history.statements import parse, parse_type
from zdmigrate.history.syntax import AddColumn, AddForeignKey, AlterTable, ModifyColumn


def column(definition: str, *, mariadb: bool = False) -> AddColumn:
    """The column `c` with that definition."""
    (statement,) = parse(f"ALTER TABLE t ADD COLUMN c {definition}", mariadb=mariadb)
    assert isinstance(statement.node, AlterTable), statement.node
    action = statement.node.actions[0]
    assert isinstance(action, AddColumn)
    return action


TYPES = [
    ("integer", ColumnType("int")),
    ("int(11)", ColumnType("int")),
    ("INT4", ColumnType("int")),
    ("int(10) unsigned", ColumnType("int", unsigned=True)),
    ("int zerofill", ColumnType("int", unsigned=True, zerofill=True)),
    ("tinyint(1)", ColumnType("tinyint", (1,))),
    ("tinyint(4)", ColumnType("tinyint")),
    ("bool", ColumnType("tinyint", (1,))),
    ("BOOLEAN", ColumnType("tinyint", (1,))),
    ("smallint(6)", ColumnType("smallint")),
    ("middleint", ColumnType("mediumint")),
    ("bigint(20)", ColumnType("bigint")),
    ("serial", ColumnType("bigint", unsigned=True)),
    ("decimal", ColumnType("decimal", (10, 0))),
    ("numeric(5)", ColumnType("decimal", (5, 0))),
    ("DEC(12, 2) UNSIGNED", ColumnType("decimal", (12, 2), unsigned=True)),
    ("fixed(3,1)", ColumnType("decimal", (3, 1))),
    ("float", ColumnType("float")),
    ("float(24)", ColumnType("float")),
    ("float(25)", ColumnType("double")),
    ("float(7,4)", ColumnType("float", (7, 4))),
    ("double precision", ColumnType("double")),
    ("real", ColumnType("double")),
    ("double(10,2)", ColumnType("double", (10, 2))),
    ("bit", ColumnType("bit", (1,))),
    ("bit(8)", ColumnType("bit", (8,))),
    ("date", ColumnType("date")),
    ("time(3)", ColumnType("time", (3,))),
    ("datetime(0)", ColumnType("datetime")),
    ("DATETIME(6)", ColumnType("datetime", (6,))),
    ("timestamp", ColumnType("timestamp")),
    ("year(4)", ColumnType("year")),
    ("char", ColumnType("char", (1,))),
    ("char(36)", ColumnType("char", (36,))),
    ("character varying(20)", ColumnType("varchar", (20,))),
    ("varcharacter(20)", ColumnType("varchar", (20,))),
    ("nvarchar(20)", ColumnType("varchar", (20,), charset="utf8mb3")),
    ("national varchar(20)", ColumnType("varchar", (20,), charset="utf8mb3")),
    ("national character varying(20)", ColumnType("varchar", (20,), charset="utf8mb3")),
    ("nchar varchar(20)", ColumnType("varchar", (20,), charset="utf8mb3")),
    ("nchar(3)", ColumnType("char", (3,), charset="utf8mb3")),
    ("varchar(20) character set utf8", ColumnType("varchar", (20,), charset="utf8mb3")),
    ("varchar(20) CHARSET 'LATIN1'", ColumnType("varchar", (20,), charset="latin1")),
    ("varchar(20) collate utf8_bin", ColumnType("varchar", (20,), collation="utf8mb3_bin")),
    ("varchar(20) binary", ColumnType("varchar", (20,), collation="_bin")),
    ("varchar(20) binary character set ascii", ColumnType("varchar", (20,), charset="ascii", collation="ascii_bin")),
    ("varchar(20) ascii", ColumnType("varchar", (20,), charset="latin1")),
    ("varchar(20) unicode", ColumnType("varchar", (20,), charset="ucs2")),
    ("char(8) character set binary", ColumnType("binary", (8,))),
    ("char byte", ColumnType("binary", (1,))),
    ("binary", ColumnType("binary", (1,))),
    ("varbinary(16)", ColumnType("varbinary", (16,))),
    ("text", ColumnType("text")),
    ("text(10)", ColumnType("tinytext")),
    ("text(65535)", ColumnType("mediumtext")),
    ("text(65535) character set latin1", ColumnType("text", charset="latin1")),
    ("text(16777215)", ColumnType("longtext")),
    ("longtext", ColumnType("longtext")),
    ("text character set binary", ColumnType("blob")),
    ("long", ColumnType("mediumtext")),
    ("long varchar", ColumnType("mediumtext")),
    ("long char varying", ColumnType("mediumtext")),
    ("long varbinary", ColumnType("mediumblob")),
    ("blob(255)", ColumnType("tinyblob")),
    ("blob(70000)", ColumnType("mediumblob")),
    ("longblob", ColumnType("longblob")),
    ("json", ColumnType("json")),
    ("enum('a','b')", ColumnType("enum", members=("a", "b"))),
    ("ENUM('it''s', \"x\", 'a\\'b', 'c  ')", ColumnType("enum", members=("it's", "x", "a'b", "c"))),
    ("enum(_utf8mb4'x', N'y', x'7a')", ColumnType("enum", members=("x", "y", "z"))),
    ("set('r','g') character set ascii", ColumnType("set", members=("r", "g"), charset="ascii")),
    ("geometry", ColumnType("geometry")),
    ("geomcollection", ColumnType("geometrycollection")),
    ("vector(3)", ColumnType("vector", (3,))),
    ("inet6", ColumnType("inet6")),
    ("uuid", ColumnType("uuid")),
]


@pytest.mark.parametrize(("written", "expected"), TYPES)
def test_types(written: str, expected: ColumnType) -> None:
    assert column(written).column.type == expected
    assert parse_type(written) == expected


def test_a_type_nobody_knows_keeps_its_text() -> None:
    assert parse_type("Hyper  CUBE(3)") == ColumnType("hyper cube(3)")


DEFAULTS = [
    ("int default 5", Default("5")),
    ("int default -5", Default("-5")),
    ("int default +5", Default("5")),
    ("int default '5'", Default("5")),
    ("decimal(3,1) default 1.5", Default("1.5")),
    ("bool default TRUE", Default("1")),
    ("bool default false", Default("0")),
    ("int default null", None),
    ("int", None),
    ("varchar(9) default ''", Default("")),
    ("varchar(9) default 'it''s'", Default("it's")),
    ("varchar(9) default 'a' 'b'", Default("ab")),
    ("varchar(9) default _utf8mb4'x' not null", Default("x")),
    ("varchar(9) default N'x'", Default("x")),
    ("varchar(9) default x'4142'", Default("AB")),
    ("int default 0x10", Default("16")),
    ("bit(3) default b'101'", Default("5")),
    ("tinyint default b'1'", Default("1")),
    ("date default DATE '2020-01-01'", Default("2020-01-01")),
    ("datetime default current_timestamp", Default("", "now")),
    ("datetime default CURRENT_TIMESTAMP()", Default("", "now")),
    ("datetime(6) default Current_Timestamp(6)", Default("6", "now")),
    ("datetime default now()", Default("", "now")),
    ("datetime(3) default NOW( 3 )", Default("3", "now")),
    ("datetime default localtime", Default("", "now")),
    ("datetime default localtimestamp(0)", Default("", "now")),
    ("datetime default (now())", Default("now()", "expression")),
    ("varchar(36) default (UUID())", Default("uuid()", "expression")),
    ("int default ((1 + `a`))", Default("1 + a", "expression")),
    ("json default ('[]')", Default("'[]'", "expression")),
    ("json default (_utf8mb4'[]')", Default("'[]'", "expression")),
]


@pytest.mark.parametrize(("written", "expected"), DEFAULTS)
def test_defaults(written: str, expected: Default | None) -> None:
    assert column(written).column.default == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("varchar(36) default uuid()", Default("uuid()", "expression")),
        ("int default 1 + 2", Default("1 + 2", "expression")),
        ("int default (7)", Default("7")),
        ("date default (now() + interval 1 month)", Default("now() + INTERVAL 1 month", "expression")),
        ("bigint default nextval(`s`)", Default("nextval(s)", "expression")),
        ("datetime default now() - 1", Default("now() - 1", "expression")),
        ("date default current_date", Default("CURRENT_DATE", "expression")),
        ("timestamp not null default current_timestamp() on update current_timestamp()", Default("", "now")),
    ],
)
def test_mariadb_defaults(written: str, expected: Default) -> None:
    assert column(written, mariadb=True).column.default == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("int", Column("c", ColumnType("int"))),
        ("int null", Column("c", ColumnType("int"), explicit_null=True)),
        ("int not null", Column("c", ColumnType("int"), nullable=False)),
        ("int not null auto_increment", Column("c", ColumnType("int"), nullable=False, auto_increment=True)),
        ("int comment 'a;b' not null", Column("c", ColumnType("int"), nullable=False, comment="a;b")),
        ("int invisible", Column("c", ColumnType("int"), invisible=True)),
        ("int visible", Column("c", ColumnType("int"))),
        ("point not null srid 4326", Column("c", ColumnType("point"), nullable=False, srid=4326)),
        ("point ref_system_id=101", Column("c", ColumnType("point"), srid=101)),
        ("int column_format fixed storage disk", Column("c", ColumnType("int"))),
        ("int with system versioning", Column("c", ColumnType("int"))),
        ("text compressed=zlib", Column("c", ColumnType("text"))),
        (
            "varchar(9) not null collate utf8mb4_bin",
            Column("c", ColumnType("varchar", (9,), collation="utf8mb4_bin"), nullable=False),
        ),
        (
            "timestamp null on update now(3)",
            Column("c", ColumnType("timestamp"), on_update="CURRENT_TIMESTAMP(3)"),
        ),
        ("int as (a+1)", Column("c", ColumnType("int"), generated=Generated("a + 1"))),
        ("int as (a+1) virtual", Column("c", ColumnType("int"), generated=Generated("a + 1"))),
        (
            "int GENERATED ALWAYS AS ((`a` + 1)) STORED not null",
            Column("c", ColumnType("int"), nullable=False, generated=Generated("a + 1", stored=True)),
        ),
        ("int as (a+1) persistent", Column("c", ColumnType("int"), generated=Generated("a + 1", stored=True))),
        (
            "timestamp(6) generated always as row start",
            Column("c", ColumnType("timestamp", (6,)), generated=Generated("ROW START", stored=True)),
        ),
    ],
)
def test_attributes(written: str, expected: Column) -> None:
    found = column(written).column
    assert found == expected
    assert found.explicit_null == (" null" in written and "not null" not in written)


def test_inline_keys() -> None:
    assert [(key.name, key.kind) for key in column("int primary key").keys] == [("PRIMARY", "primary")]
    assert [(key.name, key.kind) for key in column("int key").keys] == [("PRIMARY", "primary")]
    assert not column("int key").column.nullable
    assert [(key.name, key.kind) for key in column("int unique key").keys] == [("", "unique")]
    serial = column("serial")
    assert serial.column.auto_increment
    assert not serial.column.nullable
    assert [key.kind for key in serial.keys] == ["unique"]
    also = column("bigint serial default value")
    assert also.column.auto_increment
    assert [key.columns for key in also.keys] == [("c",)]


def test_inline_checks() -> None:
    checks = column("int constraint pos check (c > 0) not enforced check (c<9) not null").checks
    assert [(check.name, check.expression, check.enforced) for check in checks] == [
        ("pos", "c > 0", False),
        ("", "c < 9", True),
    ]


def test_inline_references_are_marked_so_that_each_server_can_treat_them_its_way() -> None:
    node = parse("ALTER TABLE t ADD c int REFERENCES p (id) ON DELETE CASCADE")[0].node
    assert isinstance(node, AlterTable)
    added = node.actions[1]
    assert isinstance(added, AddForeignKey)
    assert added.inline
    assert (added.foreign_key.name, added.foreign_key.columns, added.foreign_key.ref_table) == ("", ("c",), "p")
    assert added.foreign_key.on_delete == "CASCADE"


def test_change_takes_the_new_name() -> None:
    node = parse("ALTER TABLE t CHANGE COLUMN `old` `new` int(11) NOT NULL DEFAULT '0' AFTER x")[0].node
    assert isinstance(node, AlterTable)
    change = node.actions[0]
    assert isinstance(change, ModifyColumn)
    assert (change.old_name, change.column.name) == ("old", "new")
    assert change.column.default == Default("0")
    assert change.position is not None
    assert change.position.after == "x"
