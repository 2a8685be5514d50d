"""The cases: a table, an ALTER of it, and what the old and the new schema's code writes while one side lacks the ALTER.

Cases 1 to 58 are the ones first measured on MariaDB 10.11 by hand, in the same order; those from 59 on were added.
Row numbers of the seed are 1 to 4, of new rows 10 to 12; row 3 is deleted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Vendor = Literal["mysql", "mariadb"]


@dataclass(frozen=True, slots=True)
class Case:
    """One ALTER between two schemas.

    Attributes:
        number: its row in the matrix.
        title: the ALTER and what is special about the writes.
        tables: CREATE TABLE statements of the old schema; table `t` is the one altered.
        clause: what follows ALTER TABLE t.
        seed: rows both sides have before the ALTER.
        forward: what code of the old schema writes.
        reverse: what code of the new schema writes.
        only: the vendor that knows this syntax; None for both.
        breaks_proof: `forward` writes what the proof of a class C change forbids.
    """

    number: int
    title: str
    tables: str
    clause: str
    seed: tuple[str, ...]
    forward: tuple[str, ...]
    reverse: tuple[str, ...]
    only: Vendor | None = None
    breaks_proof: bool = False

    def runs_on(self, vendor: Vendor) -> bool:
        """Whether that vendor's servers know the syntax."""
        return self.only in (None, vendor)


#: A table whose columns have different types: a value in a wrong place seldom fits.
_MIXED = "create table t (id int not null primary key, a varchar(20), b int, c datetime)"
#: A table of integers: every value fits every place. `a` equals `id`, so that even the key may be mistaken.
_INTS = "create table t (id int not null primary key, a int, b int, c int)"

_MIXED_SEED = (
    "insert into t (id, a, b, c) values (1, 's1', 1, '2024-01-01 00:00:01'), (2, 's2', 2, '2024-01-01 00:00:02'), "
    "(3, 's3', 3, '2024-01-01 00:00:03'), (4, 's4', 4, null)",
)
_INTS_SEED = ("insert into t (id, a, b, c) values (1, 1, 11, 21), (2, 2, 12, 22), (3, 3, 13, 23), (4, 4, 14, 24)",)


def _writes(columns: str, one: str, two: str, three: str, *updates: str) -> tuple[str, ...]:
    """INSERT of one row and of two, the updates, DELETE."""
    names = f" ({columns})" if columns else ""
    return (
        f"insert into t{names} values ({one})",
        f"insert into t{names} values ({two}), ({three})",
        *updates,
        "delete from t where id = 3",
    )


_MIXED_WRITES = _writes(
    "id, a, b, c",
    "10, 'i10', 10, '2024-02-02 02:02:10'",
    "11, 'i11', 11, null",
    "12, null, null, '2024-02-02 02:02:12'",
    "update t set b = b + 100 where id = 1",
    "update t set a = concat(a, '+') where id in (2, 10)",
)
_INTS_WRITES = _writes(
    "id, a, b, c",
    "10, 10, 110, 210",
    "11, 11, 111, 211",
    "12, 12, null, 212",
    "update t set b = b + 100 where id = 1",
    "update t set c = c + 1 where id in (2, 10)",
)


def _mixed(number: int, title: str, clause: str, reverse: tuple[str, ...] = _MIXED_WRITES) -> Case:
    return Case(number, title, _MIXED, clause, _MIXED_SEED, _MIXED_WRITES, reverse)


def _ints(
    number: int,
    title: str,
    clause: str,
    reverse: tuple[str, ...] = _INTS_WRITES,
    *,
    forward: tuple[str, ...] = _INTS_WRITES,
    only: Vendor | None = None,
    breaks_proof: bool = False,
) -> Case:
    return Case(number, title, _INTS, clause, _INTS_SEED, forward, reverse, only, breaks_proof)


def _v_seed(values: tuple[str, str, str]) -> tuple[str, ...]:
    one, two, three = values
    return (f"insert into t (id, a, v) values (1, 1, {one}), (2, 2, {two}), (3, 3, {three}), (4, 4, {one})",)


def _v_writes(values: tuple[str, str, str]) -> tuple[str, ...]:
    one, two, three = values
    return _writes(
        "id, a, v",
        f"10, 10, {one}",
        f"11, 11, {two}",
        f"12, 12, {three}",
        f"update t set v = {two} where id = 1",
        "update t set a = a + 100 where id in (2, 10)",
    )


def _retyped(
    number: int,
    title: str,
    old: str,
    new: str,
    seed: tuple[str, str, str],
    forward: tuple[str, str, str],
    reverse: tuple[str, str, str] | None = None,
    *,
    more: str = "",
    only: Vendor | None = None,
    breaks_proof: bool = False,
) -> Case:
    """Column v of one type becomes another; three values each for the seed, the old and the new code."""
    return Case(
        number,
        title,
        f"create table t (id int not null primary key, a int, v {old}{more})",
        f"modify v {new}",
        _v_seed(seed),
        _v_writes(forward),
        _v_writes(forward if reverse is None else reverse),
        only,
        breaks_proof,
    )


_NUMBERS = ("1", "2", "3")
_SMALL = ("5", "6", "7")
_WORDS = ("'w1'", "'w2'", "'w3'")
_TEXTS = ("'x1'", "'x2'", "null")
_ACCENTS = ("'café'", "'naïve'", "'é'")
_LONGER = ("'a value longer than twenty'", "'x2'", "null")
_MIXED_X = _writes(
    "id, a, b, c, x",
    "10, 'i10', 10, '2024-02-02 02:02:10', 77",
    "11, 'i11', 11, null, 78",
    "12, null, null, '2024-02-02 02:02:12', 79",
    "update t set b = b + 100 where id = 1",
    "update t set x = 99 where id = 2",
)
_INTS_X = _writes(
    "id, a, b, c, x",
    "10, 10, 110, 210, 77",
    "11, 11, 111, 211, 78",
    "12, 12, null, 212, 79",
    "update t set b = b + 100 where id = 1",
    "update t set x = 99 where id = 2",
)
_INTS_NO_B = _writes(
    "id, a, c",
    "10, 10, 210",
    "11, 11, 211",
    "12, 12, 212",
    "update t set a = 1 where id = 1",
    "update t set c = c + 1 where id in (2, 10)",
)
_MIXED_NO_C = _writes(
    "id, a, b",
    "10, 'i10', 10",
    "11, 'i11', 11",
    "12, null, null",
    "update t set b = b + 100 where id = 1",
    "update t set a = concat(a, '+') where id in (2, 10)",
)
_MIXED_NO_B = _writes(
    "id, a, c",
    "10, 'i10', '2024-02-02 02:02:10'",
    "11, 'i11', null",
    "12, null, '2024-02-02 02:02:12'",
    "update t set a = concat(a, '+') where id in (2, 10)",
)
_AC = "create table t (id int not null primary key, a int, c int not null)"
_AC_SEED = ("insert into t (id, a, c) values (1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4)",)
_AC_WRITES = _writes("id, a, c", "10, 10, 10", "11, 11, 11", "12, null, 12", "update t set c = 9 where id = 1")
_PAIRS_SEED = ("insert into t (id, a) values (1, 1), (2, 2), (3, 3), (4, 4)",)
_PAIRS_WRITES = _writes("id, a", "10, 10", "11, 11", "12, 12", "update t set a = a + 100 where id in (1, 10)")
_PARENT = "create table p (id int not null primary key)"
_CHILD = "create table t (id int not null primary key, p int, key kp (p)"
_FK = "constraint fk1 foreign key (p) references p (id) on delete cascade"
_FK_SEED = (
    "insert into p values (1), (2), (3), (4)",
    "insert into t (id, p) values (1, 1), (2, 2), (3, 3), (4, 4)",
)
_RANGES = " partition by range (id) (partition p0 values less than (10), partition p1 values less than (100))"

PUBLISHED: tuple[Case, ...] = (
    _mixed(1, "ADD COLUMN x INT NULL at end", "add column x int null", _MIXED_X),
    _mixed(2, "ADD COLUMN x INT NOT NULL DEFAULT 5 at end", "add column x int not null default 5", _MIXED_X),
    _mixed(3, "ADD COLUMN x INT NOT NULL (no default) at end", "add column x int not null", _MIXED_X),
    _mixed(4, "ADD COLUMN x INT AFTER a (types shift)", "add column x int after a", _MIXED_X),
    _ints(5, "ADD COLUMN x INT AFTER a (all-INT table)", "add column x int after a", _INTS_X),
    _ints(6, "ADD COLUMN x INT FIRST (all-INT table)", "add column x int first", _INTS_X),
    _mixed(7, "DROP COLUMN last (nullable)", "drop column c", _MIXED_NO_C),
    Case(
        8,
        "DROP COLUMN last (NOT NULL no default)",
        _AC,
        "drop column c",
        _AC_SEED,
        _AC_WRITES,
        _writes("id, a", "10, 10", "11, 11", "12, null", "update t set a = 9 where id = 1"),
    ),
    _ints(9, "DROP COLUMN middle (all-INT table)", "drop column b", _INTS_NO_B),
    _mixed(10, "DROP COLUMN middle (mixed types)", "drop column b", _MIXED_NO_B),
    _ints(11, "Reorder columns (MODIFY c AFTER id, all INT)", "modify c int after id"),
    _ints(
        12,
        "RENAME COLUMN b->b2",
        "rename column b to b2",
        tuple(sql.replace("b", "b2") for sql in _INTS_WRITES),
    ),
    _retyped(13, "INT -> BIGINT", "int", "bigint", _NUMBERS, _SMALL, ("5000000000", "6", "null")),
    _retyped(14, "INT -> BIGINT (reverse values fit INT)", "int", "bigint", _NUMBERS, ("-5", "6", "null")),
    _retyped(15, "BIGINT -> INT (values fit)", "bigint", "int", _NUMBERS, _SMALL),
    _retyped(16, "VARCHAR(20) -> VARCHAR(40)", "varchar(20)", "varchar(40)", _WORDS, _TEXTS, _LONGER),
    _retyped(
        17, "VARCHAR(20) -> VARCHAR(40) (reverse values fit)", "varchar(20)", "varchar(40)", _WORDS, _ACCENTS, _TEXTS
    ),
    _retyped(18, "VARCHAR(20) -> VARCHAR(300) (1->2 length bytes)", "varchar(20)", "varchar(300)", _WORDS, _TEXTS),
    _retyped(19, "VARCHAR(40) -> VARCHAR(20) (values fit)", "varchar(40)", "varchar(20)", _WORDS, _TEXTS),
    _retyped(20, "VARCHAR(20) -> TEXT", "varchar(20)", "text", _WORDS, _TEXTS),
    _retyped(21, "TEXT -> MEDIUMTEXT", "text", "mediumtext", _WORDS, _TEXTS),
    _retyped(22, "CHAR(10) -> VARCHAR(10)", "char(10)", "varchar(10)", _WORDS, _TEXTS),
    _retyped(
        23,
        "INT -> INT UNSIGNED (fwd negative impossible; rev >2^31)",
        "int",
        "int unsigned",
        _NUMBERS,
        _SMALL,
        ("3000000000", "6", "null"),
    ),
    _retyped(
        24,
        "INT UNSIGNED -> INT (fwd >2^31)",
        "int unsigned",
        "int",
        _NUMBERS,
        ("3000000000", "6", "null"),
        ("-5", "6", "null"),
    ),
    _retyped(
        25,
        "NULL -> NOT NULL DEFAULT 0 (fwd writes NULL)",
        "int",
        "int not null default 0",
        _NUMBERS,
        ("5", "6", "null"),
        _SMALL,
        breaks_proof=True,
    ),
    _retyped(26, "NULL -> NOT NULL DEFAULT 0 (no NULL written)", "int", "int not null default 0", _NUMBERS, _SMALL),
    _retyped(
        27, "NOT NULL -> NULL (rev writes NULL)", "int not null", "int null", _NUMBERS, _SMALL, ("5", "6", "null")
    ),
    _retyped(
        28,
        "ENUM append (rev writes new member)",
        "enum('r','g')",
        "enum('r','g','b')",
        ("'r'", "'g'", "'r'"),
        ("'g'", "'r'", "null"),
        ("'b'", "'r'", "'g'"),
    ),
    _retyped(
        29,
        "ENUM insert in middle",
        "enum('r','g')",
        "enum('r','b','g')",
        ("'r'", "'g'", "'r'"),
        ("'g'", "'r'", "null"),
        ("'b'", "'r'", "'g'"),
    ),
    _retyped(
        30,
        "latin1 -> utf8mb4 column, non-ASCII",
        "varchar(20) character set latin1",
        "varchar(20) character set utf8mb4",
        _WORDS,
        _ACCENTS,
    ),
    _retyped(
        31,
        "latin1 -> utf8mb4 column, ASCII only",
        "varchar(20) character set latin1",
        "varchar(20) character set utf8mb4",
        _WORDS,
        _TEXTS,
    ),
    _retyped(
        32,
        "latin1(80) -> utf8mb4(20): same byte length, non-ASCII",
        "varchar(80) character set latin1",
        "varchar(20) character set utf8mb4",
        _WORDS,
        _ACCENTS,
    ),
    _retyped(
        33,
        "collation only general_ci -> bin",
        "varchar(20) character set utf8mb4 collate utf8mb4_general_ci",
        "varchar(20) character set utf8mb4 collate utf8mb4_bin",
        _WORDS,
        _ACCENTS,
    ),
    _retyped(
        34,
        "DECIMAL(10,2) -> DECIMAL(12,2)",
        "decimal(10,2)",
        "decimal(12,2)",
        ("1.25", "2.50", "-3.75"),
        ("12345678.91", "-6.50", "null"),
        ("1234567890.12", "6.50", "null"),
    ),
    _retyped(
        35,
        "FLOAT -> DOUBLE (fwd exact in FLOAT; rev 0.1)",
        "float",
        "double",
        ("1.5", "2.5", "3.5"),
        ("5.5", "-6.25", "null"),
        ("0.1", "6.25", "null"),
    ),
    _retyped(
        36,
        "DATETIME -> DATETIME(6)",
        "datetime",
        "datetime(6)",
        ("'2024-01-01 00:00:01'", "'2024-01-01 00:00:02'", "null"),
        ("'2024-02-02 02:02:05'", "'2024-02-02 02:02:06'", "null"),
        ("'2024-02-02 02:02:05.123456'", "'2024-02-02 02:02:06'", "null"),
    ),
    _retyped(
        37,
        "TIMESTAMP -> DATETIME",
        "timestamp null",
        "datetime",
        ("'2024-01-01 00:00:01'", "'2024-01-01 00:00:02'", "null"),
        ("'2024-02-02 02:02:05'", "'2024-02-02 02:02:06'", "null"),
    ),
    _ints(38, "ADD secondary INDEX", "add index ka (a)"),
    Case(
        39,
        "DROP secondary INDEX",
        "create table t (id int not null primary key, a int, key ka (a))",
        "drop index ka",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        _PAIRS_WRITES,
    ),
    _ints(40, "ADD UNIQUE, no duplicates written", "add unique index ua (a)"),
    _ints(
        41,
        "ADD UNIQUE, fwd writes a duplicate",
        "add unique index ua (a)",
        forward=(*_INTS_WRITES, "insert into t (id, a, b, c) values (13, 10, 1, 1)"),
        breaks_proof=True,
    ),
    Case(
        42,
        "DROP UNIQUE, rev writes a duplicate",
        "create table t (id int not null primary key, a int, unique key ua (a))",
        "drop index ua",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        (*_PAIRS_WRITES, "insert into t (id, a) values (13, 11)"),
    ),
    Case(
        43,
        "Change PK id -> (a), keep id as KEY",
        "create table t (id int not null primary key, a int not null)",
        "drop primary key, add primary key (a), add key kid (id)",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        _PAIRS_WRITES,
    ),
    Case(
        44,
        "ADD PRIMARY KEY over existing col (table had none)",
        "create table t (id int not null, a int)",
        "add primary key (id)",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        _PAIRS_WRITES,
    ),
    Case(
        45,
        "ADD AUTO_INCREMENT PK column at end (table had none)",
        "create table t (a int, b int)",
        "add column id int not null auto_increment primary key",
        ("insert into t (a, b) values (1, 1), (2, 2), (3, 3), (4, 4)",),
        (
            "insert into t (a, b) values (10, 10)",
            "insert into t (a, b) values (11, 11), (12, 12)",
            "update t set b = b + 100 where a in (1, 10)",
            "delete from t where a = 3",
        ),
        (
            "insert into t (a, b) values (10, 10)",
            "insert into t (a, b) values (11, 11), (12, 12)",
            "update t set b = b + 100 where a in (1, 10)",
            "delete from t where a = 3",
        ),
    ),
    _mixed(46, "ADD COLUMN DEFAULT uuid() at end", "add column x varchar(36) default (uuid())"),
    _mixed(
        47,
        "ADD COLUMN ts DEFAULT CURRENT_TIMESTAMP at end",
        "add column x timestamp not null default current_timestamp",
    ),
    _mixed(
        48,
        "ADD COLUMN ts DEFAULT NOW ON UPDATE NOW at end",
        "add column x timestamp not null default current_timestamp on update current_timestamp",
    ),
    _ints(49, "ADD generated VIRTUAL column at end", "add column x int as (a + 1) virtual"),
    _ints(50, "ADD generated STORED column at end", "add column x int as (a + 1) stored"),
    _ints(51, "ADD generated VIRTUAL + INDEX at end", "add column x int as (a + 1) virtual, add index kx (x)"),
    _ints(52, "ENGINE=InnoDB / ROW_FORMAT rebuild", "engine=innodb"),
    Case(
        53,
        "Change DEFAULT only",
        "create table t (id int not null primary key, a int default 1)",
        "alter column a set default 2",
        _PAIRS_SEED,
        _writes("id", "10", "11", "12", "update t set a = a + 100 where id in (1, 10)"),
        _writes("id", "10", "11", "12", "update t set a = a + 100 where id in (1, 10)"),
    ),
    _ints(
        54,
        "ADD CHECK, fwd violates",
        "add constraint ck check (a >= 0)",
        forward=(*_INTS_WRITES, "insert into t (id, a, b, c) values (13, -1, 1, 1)"),
        breaks_proof=True,
    ),
    _ints(55, "PARTITION BY HASH(id)", "partition by hash (id) partitions 4"),
    Case(
        56,
        "DROP FK with ON DELETE CASCADE",
        f"{_PARENT}; {_CHILD}, {_FK})",
        "drop foreign key fk1",
        _FK_SEED,
        ("insert into p values (10)", "insert into t (id, p) values (10, 10)", "delete from p where id = 3"),
        ("insert into p values (10)", "insert into t (id, p) values (10, 10)", "delete from p where id = 3"),
    ),
    Case(
        57,
        "ADD FK with ON DELETE CASCADE (fwd deletes children first; rev cascades)",
        f"{_PARENT}; {_CHILD})",
        f"add {_FK}",
        _FK_SEED,
        (
            "insert into p values (10)",
            "insert into t (id, p) values (10, 10)",
            "delete from t where p = 3",
            "delete from p where id = 3",
        ),
        ("insert into p values (10)", "insert into t (id, p) values (10, 10)", "delete from p where id = 3"),
    ),
    Case(
        58,
        "INSERT without column list + ADD COLUMN at end",
        _MIXED,
        "add column x int null",
        _MIXED_SEED,
        _writes(
            "",
            "10, 'i10', 10, '2024-02-02 02:02:10'",
            "11, 'i11', 11, null",
            "12, null, null, null",
        ),
        _writes(
            "",
            "10, 'i10', 10, '2024-02-02 02:02:10', 77",
            "11, 'i11', 11, null, 78",
            "12, null, null, null, 79",
        ),
    ),
)

_BIG_UNSIGNED = ("4000000000", "6", "null")

ADDED: tuple[Case, ...] = (
    # Integers without a sign
    _retyped(
        59,
        "INT UNSIGNED -> BIGINT UNSIGNED, fwd >2^31",
        "int unsigned",
        "bigint unsigned",
        _NUMBERS,
        _BIG_UNSIGNED,
        ("10000000000", "6", "null"),
    ),
    _retyped(
        60, "INT UNSIGNED -> BIGINT UNSIGNED, values fit INT", "int unsigned", "bigint unsigned", _NUMBERS, _SMALL
    ),
    _retyped(
        61,
        "TINYINT UNSIGNED -> INT (signed, holds all values), fwd >127",
        "tinyint unsigned",
        "int",
        _NUMBERS,
        ("200", "6", "null"),
        ("-5", "6", "null"),
    ),
    _retyped(
        62,
        "MEDIUMINT UNSIGNED -> INT UNSIGNED, fwd >2^23",
        "mediumint unsigned",
        "int unsigned",
        _NUMBERS,
        ("16000000", "6", "null"),
    ),
    _retyped(63, "TINYINT(1) -> TINYINT", "tinyint(1)", "tinyint", _NUMBERS, ("-5", "6", "null")),
    # Strings
    _retyped(64, "VARCHAR(300) -> VARCHAR(400)", "varchar(300)", "varchar(400)", _WORDS, _ACCENTS),
    _retyped(65, "CHAR(10) -> CHAR(20)", "char(10)", "char(20)", _WORDS, _ACCENTS),
    _retyped(66, "CHAR(60) -> CHAR(100) (more than 255 bytes)", "char(60)", "char(100)", _WORDS, _ACCENTS),
    _retyped(67, "VARCHAR(10) -> CHAR(10)", "varchar(10)", "char(10)", _WORDS, ("'x '", "'x2'", "null")),
    _retyped(68, "VARBINARY(20) -> VARBINARY(40)", "varbinary(20)", "varbinary(40)", _WORDS, _ACCENTS),
    _retyped(69, "VARBINARY(20) -> BLOB", "varbinary(20)", "blob", _WORDS, _ACCENTS),
    _retyped(70, "BINARY(10) -> VARBINARY(10)", "binary(10)", "varbinary(10)", _WORDS, _TEXTS),
    _retyped(71, "BINARY(10) -> BINARY(20)", "binary(10)", "binary(20)", _WORDS, _TEXTS),
    _retyped(72, "TINYTEXT -> TEXT", "tinytext", "text", _WORDS, _ACCENTS),
    _retyped(73, "BLOB -> LONGBLOB", "blob", "longblob", _WORDS, _ACCENTS),
    _retyped(74, "TEXT -> VARCHAR(200)", "text", "varchar(200)", _WORDS, _TEXTS),
    _retyped(75, "TEXT -> BLOB", "text", "blob", _WORDS, _ACCENTS),
    _retyped(76, "VARCHAR(20) -> VARBINARY(80)", "varchar(20)", "varbinary(80)", _WORDS, _ACCENTS),
    # Charsets and collations
    _retyped(
        77,
        "utf8mb3 -> utf8mb4 VARCHAR(20), non-ASCII",
        "varchar(20) character set utf8mb3",
        "varchar(20) character set utf8mb4",
        _WORDS,
        _ACCENTS,
    ),
    _retyped(
        78,
        "utf8mb3 -> utf8mb4 TEXT, non-ASCII",
        "text character set utf8mb3",
        "text character set utf8mb4",
        _WORDS,
        _ACCENTS,
    ),
    _retyped(
        79,
        "ascii -> utf8mb4 VARCHAR(20)",
        "varchar(20) character set ascii",
        "varchar(20) character set utf8mb4",
        _WORDS,
        _TEXTS,
        _ACCENTS,
    ),
    _retyped(
        80,
        "utf8mb3 -> utf8mb4 CHAR(20), non-ASCII",
        "char(20) character set utf8mb3",
        "char(20) character set utf8mb4",
        _WORDS,
        _ACCENTS,
    ),
    _retyped(
        81,
        "utf8mb3 -> utf8mb4 ENUM, non-ASCII members",
        "enum('r','é') character set utf8mb3",
        "enum('r','é') character set utf8mb4",
        ("'r'", "'é'", "'r'"),
        ("'é'", "'r'", "null"),
    ),
    Case(
        82,
        "CONVERT TO CHARACTER SET utf8mb4 from utf8mb3, non-ASCII",
        "create table t (id int not null primary key, a int, v varchar(20)) character set utf8mb3",
        "convert to character set utf8mb4",
        _v_seed(_WORDS),
        _v_writes(_ACCENTS),
        _v_writes(_ACCENTS),
    ),
    _retyped(
        83,
        "bin -> general_ci on a unique key, no duplicates written",
        "varchar(20) character set utf8mb4 collate utf8mb4_bin",
        "varchar(20) character set utf8mb4 collate utf8mb4_general_ci",
        ("'w1'", "'w2'", "'w3'"),
        ("'x1'", "'X2'", "null"),
        more=", unique key uv (v, a)",
    ),
    Case(
        84,
        "bin -> general_ci on a unique key, fwd writes a and A",
        "create table t (id int not null primary key, a int, v varchar(20) character set utf8mb4 collate utf8mb4_bin, "
        "unique key uv (v))",
        "modify v varchar(20) character set utf8mb4 collate utf8mb4_general_ci",
        ("insert into t (id, a, v) values (1, 1, 'w1'), (2, 2, 'w2'), (3, 3, 'w3')",),
        ("insert into t (id, a, v) values (10, 10, 'a')", "insert into t (id, a, v) values (11, 11, 'A')"),
        ("insert into t (id, a, v) values (10, 10, 'a')", "insert into t (id, a, v) values (11, 11, 'b')"),
        breaks_proof=True,
    ),
    # Numbers, bits, times
    _retyped(
        85,
        "DECIMAL(10,2) -> DECIMAL(12,4)",
        "decimal(10,2)",
        "decimal(12,4)",
        ("1.25", "2.50", "-3.75"),
        ("12345678.91", "-6.50", "null"),
        ("0.1234", "6.50", "null"),
    ),
    _retyped(86, "DECIMAL(10,2) -> DOUBLE", "decimal(10,2)", "double", ("1.25", "2.50", "3"), ("0.10", "7", "null")),
    _retyped(87, "INT -> DECIMAL(12,0)", "int", "decimal(12,0)", _NUMBERS, ("-5", "6", "null")),
    _retyped(88, "BIT(4) -> BIT(6)", "bit(4)", "bit(6)", _NUMBERS, _SMALL, ("33", "6", "null")),
    _retyped(89, "BIT(4) -> BIT(12)", "bit(4)", "bit(12)", _NUMBERS, _SMALL, ("2049", "6", "null")),
    _retyped(
        90,
        "TIME -> TIME(3)",
        "time",
        "time(3)",
        ("'01:00:00'", "'02:00:00'", "'-03:00:00'"),
        ("'05:00:00'", "'-06:00:01'", "null"),
        ("'05:00:00.123'", "'06:00:00'", "null"),
    ),
    _retyped(
        91,
        "TIMESTAMP -> TIMESTAMP(6)",
        "timestamp null",
        "timestamp(6) null",
        ("'2024-01-01 00:00:01'", "'2024-01-01 00:00:02'", "null"),
        ("'2024-02-02 02:02:05'", "'2024-02-02 02:02:06'", "null"),
    ),
    _retyped(
        92,
        "DATETIME -> TIMESTAMP",
        "datetime",
        "timestamp null",
        ("'2024-01-01 00:00:01'", "'2024-01-01 00:00:02'", "null"),
        ("'2024-02-02 02:02:05'", "'2024-02-02 02:02:06'", "null"),
    ),
    _retyped(
        93,
        "DATE -> DATETIME",
        "date",
        "datetime",
        ("'2024-01-01'", "'2024-01-02'", "null"),
        ("'2024-02-02'", "'2024-02-03'", "null"),
    ),
    # ENUM and SET
    _retyped(
        94,
        "ENUM rename of a member",
        "enum('r','g')",
        "enum('r','green')",
        ("'r'", "'r'", "'r'"),
        ("'g'", "'r'", "null"),
        ("'green'", "'r'", "null"),
    ),
    _retyped(
        95,
        "ENUM remove the last member (not written)",
        "enum('r','g','b')",
        "enum('r','g')",
        ("'r'", "'g'", "'r'"),
        ("'g'", "'r'", "null"),
    ),
    _retyped(
        96,
        "ENUM append beyond 255 members",
        "enum(" + ",".join(f"'m{n}'" for n in range(255)) + ")",
        "enum(" + ",".join(f"'m{n}'" for n in range(256)) + ")",
        ("'m0'", "'m1'", "'m2'"),
        ("'m200'", "'m1'", "null"),
        ("'m255'", "'m1'", "null"),
    ),
    _retyped(
        97,
        "SET append within a byte",
        "set('r','g')",
        "set('r','g','b')",
        ("'r'", "'g'", "'r,g'"),
        ("'g'", "'r,g'", "null"),
        ("'r,b'", "'r'", "'g'"),
    ),
    _retyped(
        98,
        "SET append beyond 8 members",
        "set('a','b','c','d','e','f','g','h')",
        "set('a','b','c','d','e','f','g','h','i')",
        ("'a'", "'b'", "'a,h'"),
        ("'h'", "'a,b'", "null"),
        ("'a,i'", "'b'", "'h'"),
    ),
    _retyped(99, "ENUM -> VARCHAR(10)", "enum('r','g')", "varchar(10)", ("'r'", "'g'", "'r'"), ("'g'", "'r'", "null")),
    # JSON, geometry
    _mixed(
        100,
        "ADD COLUMN x JSON at end",
        "add column x json",
        tuple(
            sql.replace("77", "'{\"k\": 1}'").replace("78", "'[]'").replace("79", "null").replace("99", "'1'")
            for sql in _MIXED_X
        ),
    ),
    _retyped(
        101,
        "JSON column, NOT NULL -> NULL",
        "json not null",
        "json null",
        ("'{\"k\": 1}'", "'[1]'", "'2'"),
        ('\'{"k": [2, "é"]}\'', "'null'", "'3'"),
        ("'{\"k\": 3}'", "'[]'", "null"),
    ),
    _retyped(
        102,
        "TEXT -> JSON, valid documents",
        "text",
        "json",
        ("'{\"k\": 1}'", "'[1]'", "'2'"),
        ("'{\"k\":   2}'", "'null'", "null"),
    ),
    _retyped(
        103,
        "POINT -> GEOMETRY",
        "point",
        "geometry",
        ("point(1, 1)", "point(2, 2)", "null"),
        ("point(5, 5)", "point(6, 6)", "null"),
        ("st_geomfromtext('LINESTRING(0 0, 1 1)')", "point(6, 6)", "null"),
    ),
    # Defaults that are expressions
    _mixed(104, "ADD COLUMN DEFAULT (1 + 1) at end", "add column x int default (1 + 1)", _MIXED_X),
    _mixed(105, "ADD COLUMN DEFAULT (b + 1) at end", "add column x int default (b + 1)"),
    _mixed(106, "ADD COLUMN DEFAULT (json_array()) at end", "add column x json default (json_array())"),
    _mixed(107, "ADD COLUMN x TEXT NOT NULL (no default) at end", "add column x text not null", _MIXED_X),
    _mixed(
        108,
        "ADD COLUMN x ENUM NOT NULL DEFAULT at end",
        "add column x enum('off','on') not null default 'on'",
        tuple(
            sql.replace(" = 99", " = 'off'").replace("77", "'off'").replace("78", "'on'").replace("79", "'off'")
            for sql in _MIXED_X
        ),
    ),
    _retyped(
        109,
        "Existing column gets DEFAULT NOW ON UPDATE NOW",
        "datetime null",
        "datetime null default current_timestamp on update current_timestamp",
        ("'2024-01-01 00:00:01'", "'2024-01-01 00:00:02'", "null"),
        ("'2024-02-02 02:02:05'", "'2024-02-02 02:02:06'", "null"),
    ),
    # Generated columns
    _ints(110, "ADD generated VIRTUAL column AFTER a", "add column x int as (a + 1) virtual after a"),
    _ints(
        111,
        "Plain last column becomes STORED generated",
        "modify c int as (b + 1) stored",
        forward=_INTS_WRITES,
        reverse=_writes("id, a, b", "10, 10, 110", "11, 11, 111", "12, 12, null", "update t set b = 7 where id = 1"),
    ),
    Case(
        112,
        "STORED generated last column becomes plain",
        "create table t (id int not null primary key, a int, b int as (a + 1) stored)",
        "modify b int",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        _writes("id, a, b", "10, 10, 50", "11, 11, null", "12, 12, 52", "update t set b = 99 where id = 1"),
    ),
    Case(
        113,
        "DROP generated VIRTUAL column, last",
        "create table t (id int not null primary key, a int, b int as (a + 1) virtual)",
        "drop column b",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        _PAIRS_WRITES,
    ),
    Case(
        114,
        "Change a STORED column's expression",
        "create table t (id int not null primary key, a int, b int as (a + 1) stored)",
        "modify b int as (a + 2) stored",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        _PAIRS_WRITES,
    ),
    Case(
        115,
        "Change a VIRTUAL column's expression",
        "create table t (id int not null primary key, a int, b int as (a + 1) virtual)",
        "modify b int as (a + 2) virtual",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        _PAIRS_WRITES,
    ),
    # Invisible columns and indexes
    _mixed(116, "ADD COLUMN x INT INVISIBLE at end", "add column x int invisible", _MIXED_X),
    _ints(117, "Last column becomes INVISIBLE", "modify c int invisible"),
    Case(
        118,
        "ALTER INDEX INVISIBLE",
        "create table t (id int not null primary key, a int, key ka (a))",
        "alter index ka invisible",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        _PAIRS_WRITES,
        "mysql",
    ),
    Case(
        119,
        "ALTER INDEX IGNORED",
        "create table t (id int not null primary key, a int, key ka (a))",
        "alter index ka ignored",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        _PAIRS_WRITES,
        "mariadb",
    ),
    _ints(120, "ADD functional INDEX", "add index kf ((a + 1))", only="mysql"),
    _ints(121, "ADD UNIQUE functional INDEX, no duplicates written", "add unique index uf ((a + 1))", only="mysql"),
    _ints(
        122,
        "ADD functional INDEX and COLUMN at end",
        "add index kf ((a + 1)), add column x int",
        _INTS_X,
        only="mysql",
    ),
    Case(
        123,
        "ADD COLUMN at end, table has a functional INDEX",
        "create table t (id int not null primary key, a int, b int, c int, key kf ((a + 1)))",
        "add column x int",
        _INTS_SEED,
        _INTS_WRITES,
        _INTS_X,
        "mysql",
    ),
    # INSTANT in the middle
    _ints(124, "ADD COLUMN AFTER a, ALGORITHM=INSTANT", "add column x int after a, algorithm=instant", _INTS_X),
    _mixed(125, "ADD COLUMN at end, ALGORITHM=INSTANT", "add column x int, algorithm=instant", _MIXED_X),
    # Primary keys
    Case(
        126,
        "DROP PRIMARY KEY",
        "create table t (id int not null primary key, a int)",
        "drop primary key",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        _PAIRS_WRITES,
    ),
    Case(
        127,
        "ADD COLUMN at end, table without primary key, two equal rows",
        "create table t (id int not null, a int)",
        "add column x int",
        (*_PAIRS_SEED, "insert into t (id, a) values (3, 3)"),
        (*_PAIRS_WRITES[:-1], "delete from t where id = 3 limit 1"),
        (*_writes("id, a, x", "10, 10, 77", "11, 11, 78", "12, 12, 79")[:-1], "delete from t where id = 3 limit 1"),
    ),
    Case(
        128,
        "ADD generated invisible primary key (GIPK) FIRST, table had none",
        "create table t (id int not null, a int)",
        "add column my_row_id bigint unsigned not null auto_increment invisible primary key first",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        _PAIRS_WRITES,
        "mysql",
    ),
    Case(
        129,
        "PRIMARY KEY becomes AUTO_INCREMENT",
        "create table t (id int not null primary key, a int)",
        "modify id int not null auto_increment",
        _PAIRS_SEED,
        (*_PAIRS_WRITES, "insert into t (id, a) values (-5, 5)"),
        (*_PAIRS_WRITES, "insert into t (a) values (77), (78)"),
    ),
    Case(
        130,
        "PRIMARY KEY becomes AUTO_INCREMENT, fwd writes id 0",
        "create table t (id int not null primary key, a int)",
        "modify id int not null auto_increment",
        _PAIRS_SEED,
        (*_PAIRS_WRITES, "insert into t (id, a) values (0, 5)"),
        (*_PAIRS_WRITES, "insert into t (a) values (77), (78)"),
        breaks_proof=True,
    ),
    Case(
        131,
        "PRIMARY KEY loses AUTO_INCREMENT",
        "create table t (id int not null auto_increment primary key, a int)",
        "modify id int not null",
        _PAIRS_SEED,
        (*_PAIRS_WRITES, "insert into t (a) values (77), (78)"),
        _PAIRS_WRITES,
    ),
    Case(
        132,
        "PRIMARY KEY INT -> BIGINT",
        "create table t (id int not null primary key, a int)",
        "modify id bigint not null",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        (*_PAIRS_WRITES, "insert into t (id, a) values (5000000000, 5)"),
    ),
    Case(
        133,
        "PRIMARY KEY INT UNSIGNED AUTO_INCREMENT -> BIGINT UNSIGNED",
        "create table t (id int unsigned not null auto_increment primary key, a int)",
        "modify id bigint unsigned not null auto_increment",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        (*_PAIRS_WRITES, "insert into t (id, a) values (5000000000, 5)"),
    ),
    _ints(134, "ADD COLUMN x and UNIQUE (x)", "add column x int, add unique index ux (x)", _INTS_X),
    # Partitions
    Case(
        135,
        "REORGANIZE PARTITION (split the last)",
        _INTS + _RANGES,
        "reorganize partition p1 into (partition p1 values less than (50), partition p2 values less than (100))",
        _INTS_SEED,
        _INTS_WRITES,
        _INTS_WRITES,
    ),
    Case(
        136,
        "ADD PARTITION, rev writes into it",
        _INTS + _RANGES,
        "add partition (partition p2 values less than (1000))",
        _INTS_SEED,
        _INTS_WRITES,
        (*_INTS_WRITES, "insert into t (id, a, b, c) values (500, 500, 1, 1)"),
    ),
    Case(
        137,
        "DROP PARTITION, fwd writes into it",
        _INTS + _RANGES,
        "drop partition p1",
        _INTS_SEED,
        _INTS_WRITES,
        ("update t set b = b + 100 where id = 1", "delete from t where id = 3"),
    ),
    _ints(
        138,
        "PARTITION BY RANGE, fwd writes a value no partition holds",
        "partition by range (id) (partition p0 values less than (12))",
        _INTS_NO_B[:1],
        breaks_proof=True,
    ),
    Case(139, "REMOVE PARTITIONING", _INTS + _RANGES, "remove partitioning", _INTS_SEED, _INTS_WRITES, _INTS_WRITES),
    # How rows are stored
    _ints(140, "ROW_FORMAT=COMPRESSED", "row_format=compressed"),
    _ints(141, "ROW_FORMAT=REDUNDANT", "row_format=redundant"),
    _ints(142, "COMPRESSION='zlib'", "compression='zlib'", only="mysql"),
    _ints(143, "PAGE_COMPRESSED=1", "page_compressed=1", only="mariadb"),
    _retyped(144, "TEXT -> TEXT COMPRESSED", "text", "text compressed", _WORDS, _ACCENTS, only="mariadb"),
    _retyped(
        145,
        "VARCHAR(20) -> VARCHAR(20) COMPRESSED",
        "varchar(20)",
        "varchar(20) compressed",
        _WORDS,
        _ACCENTS,
        only="mariadb",
    ),
    # Others
    _retyped(146, "ADD FULLTEXT INDEX", "text", "text, add fulltext index fv (v)", _WORDS, _ACCENTS),
    _ints(
        147,
        "DROP COLUMN last, ADD another of the same type",
        "drop column c, add column x int",
        tuple(
            sql.replace("c", "x") if "insert" not in sql and "delete" not in sql else sql.replace("b, c)", "b, x)")
            for sql in _INTS_WRITES
        ),
    ),
    _ints(
        148,
        "Swap the names of two columns",
        "rename column b to c, rename column c to b",
    ),
    _ints(
        149,
        "RENAME TABLE",
        "rename to t2",
        tuple(
            sql.replace("into t ", "into t2 ").replace("from t ", "from t2 ").replace("update t ", "update t2 ")
            for sql in _INTS_WRITES
        ),
    ),
    Case(
        150,
        "DROP CHECK, rev violates",
        "create table t (id int not null primary key, a int, constraint ck check (a >= 0))",
        "drop constraint ck",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        (*_PAIRS_WRITES, "insert into t (id, a) values (13, -1)"),
    ),
    Case(
        151,
        "ADD FK without cascade, no orphan written",
        f"{_PARENT}; {_CHILD})",
        "add constraint fk1 foreign key (p) references p (id)",
        _FK_SEED,
        (
            "insert into p values (10)",
            "insert into t (id, p) values (10, 10)",
            "delete from t where p = 3",
            "delete from p where id = 3",
        ),
        (
            "insert into p values (10)",
            "insert into t (id, p) values (10, 10)",
            "delete from t where p = 3",
            "delete from p where id = 3",
        ),
    ),
    Case(
        152,
        "ADD FK without cascade, fwd writes an orphan",
        f"{_PARENT}; {_CHILD})",
        "add constraint fk1 foreign key (p) references p (id)",
        _FK_SEED,
        ("insert into t (id, p) values (10, 10)",),
        ("insert into p values (10)", "insert into t (id, p) values (10, 10)"),
        breaks_proof=True,
    ),
    _retyped(
        153,
        "NULL -> NOT NULL without DEFAULT (fwd writes NULL)",
        "varchar(20)",
        "varchar(20) not null",
        _WORDS,
        _TEXTS,
        _WORDS,
        breaks_proof=True,
    ),
    _retyped(
        154,
        "CHAR(36) -> UUID",
        "char(36)",
        "uuid",
        ("'123e4567-e89b-12d3-a456-426655440000'", "null", "null"),
        ("'123e4567-e89b-12d3-a456-426655440001'", "null", "null"),
        only="mariadb",
    ),
    _ints(155, "ADD SYSTEM VERSIONING", "add system versioning", only="mariadb"),
    _ints(156, "ADD COLUMN x, then AFTER it y (both at end)", "add column x int, add column y int after x", _INTS_X),
    Case(
        157,
        "DROP the last two columns",
        _INTS,
        "drop column b, drop column c",
        _INTS_SEED,
        _INTS_WRITES,
        _writes("id, a", "10, 10", "11, 11", "12, 12", "update t set a = 1 where id = 1"),
    ),
    # More that the classes depend on
    _mixed(158, "VARCHAR widened and COLUMN added at end", "modify a varchar(40), add column x int", _MIXED_X),
    Case(
        159,
        "DROP FK without cascade, rev writes an orphan",
        f"{_PARENT}; {_CHILD}, constraint fk1 foreign key (p) references p (id))",
        "drop foreign key fk1",
        _FK_SEED,
        ("insert into p values (10)", "insert into t (id, p) values (10, 10)", "delete from t where id = 3"),
        ("insert into t (id, p) values (10, 10)", "delete from p where id = 3"),
    ),
    Case(
        160,
        "ADD FK with ON DELETE CASCADE, fwd deletes a parent and brings it back",
        f"{_PARENT}; {_CHILD})",
        f"add {_FK}",
        _FK_SEED,
        ("delete from p where id = 3", "insert into p values (3)"),
        ("insert into p values (10)", "insert into t (id, p) values (10, 10)"),
    ),
    _retyped(161, "TINYINT -> SMALLINT, negative", "tinyint", "smallint", _NUMBERS, ("-100", "100", "null")),
    _retyped(162, "SMALLINT -> MEDIUMINT, negative", "smallint", "mediumint", _NUMBERS, ("-30000", "6", "null")),
    _retyped(163, "MEDIUMINT -> BIGINT, negative", "mediumint", "bigint", _NUMBERS, ("-8000000", "6", "null")),
    _retyped(
        164,
        "TINYINT UNSIGNED -> SMALLINT UNSIGNED, fwd >127",
        "tinyint unsigned",
        "smallint unsigned",
        _NUMBERS,
        ("200", "6", "null"),
    ),
    _retyped(
        165,
        "SMALLINT UNSIGNED -> MEDIUMINT UNSIGNED, fwd >2^15",
        "smallint unsigned",
        "mediumint unsigned",
        _NUMBERS,
        ("60000", "6", "null"),
    ),
    _retyped(
        166,
        "MEDIUMINT UNSIGNED -> BIGINT UNSIGNED, fwd >2^23",
        "mediumint unsigned",
        "bigint unsigned",
        _NUMBERS,
        ("16000000", "6", "null"),
    ),
    Case(
        167,
        "INT and INT UNSIGNED widened in one ALTER",
        "create table t (id int not null primary key, a int, v int, w int unsigned)",
        "modify v bigint, modify w bigint unsigned",
        ("insert into t (id, a, v, w) values (1, 1, 1, 1), (2, 2, -2, 2), (3, 3, 3, 3)",),
        _writes("id, a, v, w", "10, 10, -5, 4000000000", "11, 11, 5, 6", "12, 12, null, null"),
        _writes("id, a, v, w", "10, 10, -5, 4000000000", "11, 11, 5, 6", "12, 12, null, null"),
    ),
    _retyped(
        168,
        "latin1 -> utf8mb4 ENUM, non-ASCII members",
        "enum('r','é') character set latin1",
        "enum('r','é') character set utf8mb4",
        ("'r'", "'é'", "'r'"),
        ("'é'", "'r'", "null"),
    ),
    _retyped(
        169,
        "utf8mb3 general_ci -> utf8mb4 unicode_ci on a unique key, no duplicates written",
        "varchar(20) character set utf8mb3 collate utf8mb3_general_ci",
        "varchar(20) character set utf8mb4 collate utf8mb4_unicode_ci",
        _WORDS,
        _ACCENTS,
        more=", unique key uv (v, a)",
    ),
    Case(
        170,
        "utf8mb3 general_ci -> utf8mb4 unicode_ci on a unique key, fwd writes a duplicate of the new one",
        "create table t (id int not null primary key, a int, "
        "v varchar(20) character set utf8mb3 collate utf8mb3_general_ci, unique key uv (v))",
        "modify v varchar(20) character set utf8mb4 collate utf8mb4_unicode_ci",
        ("insert into t (id, a, v) values (1, 1, 'w1'), (2, 2, 'w2'), (3, 3, 'w3')",),
        ("insert into t (id, a, v) values (10, 10, 'weiß')", "insert into t (id, a, v) values (11, 11, 'weiss')"),
        ("insert into t (id, a, v) values (10, 10, 'weiß')", "insert into t (id, a, v) values (11, 11, 'b')"),
        breaks_proof=True,
    ),
    Case(
        171,
        "CONVERT TO utf8mb4 from utf8mb3: TEXT, ENUM and a unique key",
        "create table t (id int not null primary key, a int, v text, e enum('r','é'), u varchar(20), unique key uu (u))"
        " character set utf8mb3 collate utf8mb3_general_ci",
        "convert to character set utf8mb4 collate utf8mb4_general_ci",
        (
            "insert into t (id, a, v, e, u) values (1, 1, 'w1', 'r', 'u1'), (2, 2, 'w2', 'é', 'u2'), "
            "(3, 3, 'w3', 'r', 'u3')",
        ),
        _writes("id, a, v, e, u", "10, 10, 'café', 'é', 'é'", "11, 11, 'é', 'r', 'x'", "12, 12, null, null, null"),
        _writes("id, a, v, e, u", "10, 10, '😀', 'é', '😀'", "11, 11, 'é', 'r', 'x'", "12, 12, null, null, null"),
    ),
    Case(
        172,
        "utf8mb3 -> utf8mb4 VARCHAR in the primary key",
        "create table t (id varchar(20) character set utf8mb3 collate utf8mb3_general_ci not null primary key, a int)",
        "modify id varchar(20) character set utf8mb4 collate utf8mb4_general_ci not null",
        ("insert into t (id, a) values ('é1', 1), ('é2', 2), ('3', 3)",),
        (
            "insert into t (id, a) values ('é10', 10)",
            "update t set a = 7 where id = 'é1'",
            "delete from t where id = '3'",
        ),
        (
            "insert into t (id, a) values ('😀', 10)",
            "update t set a = 7 where id = 'é1'",
            "delete from t where id = '3'",
        ),
    ),
    Case(
        173,
        "VARCHAR(20) -> VARCHAR(40) in the primary key",
        "create table t (id varchar(20) not null primary key, a int)",
        "modify id varchar(40) not null",
        ("insert into t (id, a) values ('é1', 1), ('é2', 2), ('3', 3)",),
        (
            "insert into t (id, a) values ('é10', 10)",
            "update t set a = 7 where id = 'é1'",
            "delete from t where id = '3'",
        ),
        ("insert into t (id, a) values ('a key longer than twenty', 10)", "delete from t where id = '3'"),
    ),
    _retyped(
        174,
        "utf8mb3 VARCHAR(20) -> utf8mb4 TEXT, non-ASCII",
        "varchar(20) character set utf8mb3",
        "text character set utf8mb4",
        _WORDS,
        _ACCENTS,
    ),
    _retyped(
        175,
        "utf8mb3 VARCHAR(80) -> utf8mb4 VARCHAR(60): same byte length, values fit",
        "varchar(80) character set utf8mb3",
        "varchar(60) character set utf8mb4",
        _WORDS,
        _ACCENTS,
    ),
    _retyped(
        176,
        "ascii -> latin1 VARCHAR(20): same byte length",
        "varchar(20) character set ascii",
        "varchar(20) character set latin1",
        _WORDS,
        _TEXTS,
        _ACCENTS,
    ),
    _retyped(
        177,
        "latin1 -> utf8mb4 TEXT, non-ASCII",
        "text character set latin1",
        "text character set utf8mb4",
        _WORDS,
        _ACCENTS,
    ),
    _retyped(
        178, "BIT(10) -> BIT(33)", "bit(10)", "bit(33)", _NUMBERS, ("1023", "512", "null"), ("8589934591", "1", "0")
    ),
    _retyped(179, "BIT(8) -> BIT(9)", "bit(8)", "bit(9)", _NUMBERS, ("255", "128", "null"), ("511", "1", "0")),
    _retyped(
        180,
        "SET append from 16 to 17 members",
        "set(" + ",".join(f"'m{n}'" for n in range(16)) + ")",
        "set(" + ",".join(f"'m{n}'" for n in range(17)) + ")",
        ("'m0'", "'m1'", "'m2,m15'"),
        ("'m8,m15'", "'m1'", "null"),
        ("'m16'", "'m0,m16'", "null"),
    ),
    _retyped(181, "TEXT COMPRESSED -> TEXT", "text compressed", "text", _WORDS, _ACCENTS, only="mariadb"),
    Case(
        182,
        "DATETIME -> DATETIME(6), another column follows",
        "create table t (id int not null primary key, v datetime, a int, b bigint)",
        "modify v datetime(6)",
        ("insert into t (id, v, a, b) values (1, '2024-01-01 00:00:01', 1, 1), (3, null, 3, 3)",),
        _writes("id, v, a, b", "10, '2024-02-02 02:02:05', 10, 1", "11, null, 11, 2", "12, null, null, null"),
        _writes("id, v, a, b", "10, '2024-02-02 02:02:05', 10, 1", "11, null, 11, 2", "12, null, null, null"),
    ),
    Case(
        183,
        "DATETIME -> DATETIME(6), BLOB columns follow",
        "create table t (id int not null primary key, v datetime, a tinyblob, b tinyblob)",
        "modify v datetime(6)",
        ("insert into t (id, v, a, b) values (1, '2024-01-01 00:00:01', '1', '1'), (3, null, 3, 3)",),
        (
            "insert into t (id, v, a, b) values (10, '2024-02-02 02:02:05', "
            "concat('ab', char(3 using binary), 'xyz'), 'p')",
        ),
        ("insert into t (id, v, a, b) values (10, '2024-02-02 02:02:05', 'x', 'y')",),
    ),
    replace(
        _mixed(184, "ADD COLUMN x TEXT DEFAULT 'abc' at end", "add column x text default 'abc'", _MIXED_X),
        only="mariadb",
    ),
    replace(
        _mixed(185, "ADD COLUMN x TEXT NOT NULL DEFAULT '' at end", "add column x text not null default ''", _MIXED_X),
        only="mariadb",
    ),
    _mixed(186, "ADD COLUMN x TEXT DEFAULT ('') at end", "add column x text default ('')", _MIXED_X),
    replace(
        _mixed(187, "ADD COLUMN x JSON DEFAULT '[]' at end", "add column x json default '[]'", _MIXED_X), only="mariadb"
    ),
    _mixed(
        188,
        "ADD COLUMN at end of many types with literal defaults",
        "add column x varchar(300) not null default 'é', add column x2 date default '2024-02-29', "
        "add column x3 decimal(10,2) not null default 1.25, add column x4 bit(3) default b'101', "
        "add column x5 set('a','b') not null default 'a,b', add column x6 datetime(3) default '2024-01-01 00:00:00.5', "
        "add column x7 double default 0.1, add column x8 bigint unsigned not null default 18446744073709551615, "
        "add column x9 varbinary(4) default 0x00ff, add column x10 boolean not null default true, "
        "add column x11 char(3) character set latin1 not null default 'é', add column x12 time default '-01:00:00', "
        "add column x13 year default 2024, add column x14 int as (b + 1) virtual",
        _MIXED_X,
    ),
    _mixed(189, "ADD COLUMN x TEXT DEFAULT ('1') at end", "add column x text default ('1')", _MIXED_X),
    _mixed(190, "ADD COLUMN x VARCHAR(10) DEFAULT ('1') at end", "add column x varchar(10) default ('1')", _MIXED_X),
    _ints(191, "ADD generated STORED column at end, its source is updated", "add column x int as (b + c) stored"),
    _ints(
        192,
        "ADD generated VIRTUAL column with UNIQUE at end, its source is updated",
        "add column x bigint as (coalesce(b, 0) + c) virtual, add unique index ux (x)",
    ),
    _retyped(
        193,
        "FLOAT -> DOUBLE, 0.1",
        "float",
        "double",
        ("0.1", "2.5", "3.3"),
        ("0.7", "-1e-30", "null"),
    ),
    _retyped(
        194, "FLOAT(7,2) -> DOUBLE(10,2)", "float(7,2)", "double(10,2)", ("0.1", "2", "3"), ("0.7", "12345.67", "null")
    ),
    Case(
        195,
        "ADD COLUMN at end, a VIRTUAL column stands before the last",
        "create table t (id int not null primary key, a int, g int as (a + 1) virtual, b int)",
        "add column x int",
        ("insert into t (id, a, b) values (1, 1, 1), (2, 2, 2), (3, 3, 3)",),
        _writes("id, a, b", "10, 10, 10", "11, 11, 11", "12, 12, null", "update t set b = 7, a = 8 where id = 1"),
        _writes("id, a, b, x", "10, 10, 10, 7", "11, 11, 11, 8", "12, 12, null, 9", "update t set x = 7 where id = 1"),
    ),
    Case(
        196,
        "INT -> BIGINT, a VIRTUAL column stands before it",
        "create table t (id int not null primary key, a int, g int as (a + 1) virtual, b int)",
        "modify b bigint",
        ("insert into t (id, a, b) values (1, 1, 1), (2, 2, 2), (3, 3, 3)",),
        _writes("id, a, b", "10, 10, -10", "11, 11, 11", "12, 12, null", "update t set b = 7, a = 8 where id = 1"),
        _writes("id, a, b", "10, 10, -10", "11, 11, 5000000000", "12, 12, null", "update t set b = 7 where id = 1"),
    ),
    Case(
        197,
        "DROP generated STORED column, last",
        "create table t (id int not null primary key, a int, b int as (a + 1) stored)",
        "drop column b",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        _PAIRS_WRITES,
    ),
    Case(
        198,
        "DROP functional INDEX",
        "create table t (id int not null primary key, a int, key kf ((a + 1)))",
        "drop index kf",
        _PAIRS_SEED,
        _PAIRS_WRITES,
        _PAIRS_WRITES,
        "mysql",
    ),
    _retyped(
        199,
        "utf8mb3 -> utf8mb4 CHAR(100) (more than 255 bytes), non-ASCII",
        "char(100) character set utf8mb3",
        "char(100) character set utf8mb4",
        _WORDS,
        ("repeat('é', 100)", "'naïve'", "null"),
    ),
    Case(
        200,
        "INT -> BIGINT, a STORED column is computed from it",
        "create table t (id int not null primary key, a int, v int, g bigint as (v + 1) stored)",
        "modify v bigint",
        _v_seed(_NUMBERS),
        _v_writes(("-5", "6", "null")),
        _v_writes(("5000000000", "6", "null")),
    ),
    Case(
        201,
        "ADD COLUMN at end with a FK to a parent",
        f"{_PARENT}; create table t (id int not null primary key, a int)",
        "add column p int, add constraint fk1 foreign key (p) references p (id)",
        ("insert into p values (1), (2), (3), (4)", *_PAIRS_SEED),
        (*_PAIRS_WRITES, "delete from p where id = 3"),
        (
            "insert into t (id, a, p) values (10, 10, 1)",
            "update t set p = 2 where id = 1",
            "delete from p where id = 3",
        ),
    ),
)

CASES: tuple[Case, ...] = (*PUBLISHED, *ADDED)


def case(number: int) -> Case:
    """The case with that number.

    Raises:
        KeyError: There is none.
    """
    return {one.number: one for one in CASES}[number]
