"""CREATE TABLE and ALTER TABLE: definitions, options, partitions, every action."""

from __future__ import annotations

import pytest

from zdmigrate.history.catalog import Check, Default, ForeignKey, Key, KeyPart, Partitioning
from zdmigrate.history.statements import parse
from zdmigrate.history.syntax import (
    AddCheck,
    AddColumn,
    AddForeignKey,
    AddKey,
    AlterAction,
    AlterPartitions,
    AlterTable,
    ConvertCharset,
    CreateTable,
    DropCheck,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropForeignKey,
    DropKey,
    DropTable,
    MaintainTable,
    ModifyColumn,
    Node,
    Opaque,
    OtherAction,
    PartitionBy,
    Position,
    Rebuild,
    RenameColumn,
    RenameKey,
    RenameTable,
    RenameTo,
    SetCheckEnforced,
    SetColumnDefault,
    SetColumnVisibility,
    SetKeyVisibility,
    SetOptions,
    SetSystemVersioning,
    TruncateTable,
)


def node(sql: str, *, mariadb: bool = False) -> Node:
    """The node of the only statement."""
    (statement,) = parse(sql, mariadb=mariadb)
    return statement.node


def actions(clause: str, *, mariadb: bool = False) -> tuple[AlterAction, ...]:
    """The actions of ALTER TABLE t `clause`."""
    found = node(f"ALTER TABLE t {clause}", mariadb=mariadb)
    assert isinstance(found, AlterTable), found
    assert found.name == "t"
    return found.actions


def key(name: str, *columns: str, kind: str = "index", **rest: object) -> Key:
    """A key over whole columns."""
    return Key(name, kind, tuple(KeyPart(column) for column in columns), **rest)  # type: ignore[arg-type]


KEYS = [
    ("ADD INDEX i (a, b)", key("i", "a", "b")),
    ("ADD KEY (a)", key("", "a")),
    ("ADD INDEX USING BTREE (a)", key("", "a", using="BTREE")),
    ("ADD INDEX i USING HASH (a)", key("i", "a", using="HASH")),
    ("ADD INDEX i (a) USING BTREE COMMENT 'x' KEY_BLOCK_SIZE=8", key("i", "a", using="BTREE", comment="x")),
    ("ADD INDEX i (a(10) DESC, b ASC)", Key("i", "index", (KeyPart("a", None, 10, True), KeyPart("b")))),
    (
        "ADD INDEX i ((lower(`a`)), (b) DESC)",
        Key("i", "index", (KeyPart(None, "lower(a)"), KeyPart("b", descending=True))),
    ),
    ("ADD INDEX i (a) INVISIBLE", key("i", "a", visible=False)),
    ("ADD INDEX i (a) IGNORED", key("i", "a", visible=False)),
    ("ADD INDEX i (a) NOT IGNORED", key("i", "a")),
    ("ADD UNIQUE (a)", key("", "a", kind="unique")),
    ("ADD UNIQUE KEY u (a)", key("u", "a", kind="unique")),
    ("ADD CONSTRAINT u UNIQUE (a)", key("u", "a", kind="unique")),
    ("ADD CONSTRAINT c UNIQUE INDEX u (a)", key("u", "a", kind="unique")),
    ("ADD CONSTRAINT UNIQUE u (a)", key("u", "a", kind="unique")),
    ("ADD PRIMARY KEY (a, b)", key("PRIMARY", "a", "b", kind="primary")),
    ("ADD CONSTRAINT pk PRIMARY KEY USING BTREE (a)", key("PRIMARY", "a", kind="primary", using="BTREE")),
    ("ADD FULLTEXT INDEX f (a) WITH PARSER ngram", key("f", "a", kind="fulltext", parser="ngram")),
    ("ADD FULLTEXT (a, b)", key("", "a", "b", kind="fulltext")),
    ("ADD SPATIAL KEY s (g)", key("s", "g", kind="spatial")),
    ("ADD VECTOR INDEX v (e) M=8 DISTANCE=cosine", key("v", "e", using="VECTOR")),
]


@pytest.mark.parametrize(("clause", "expected"), KEYS)
def test_add_key(clause: str, expected: Key) -> None:
    assert actions(clause) == (AddKey(expected),)


def test_add_key_if_not_exists() -> None:
    assert actions("ADD INDEX IF NOT EXISTS i (a)", mariadb=True) == (AddKey(key("i", "a"), True),)
    assert actions("ADD CONSTRAINT u UNIQUE IF NOT EXISTS (a)", mariadb=True) == (
        AddKey(key("u", "a", kind="unique"), True),
    )


ACTIONS: list[tuple[str, tuple[AlterAction, ...]]] = [
    ("DROP a", (DropColumn("a"),)),
    ("DROP COLUMN `a`, DROP COLUMN b RESTRICT", (DropColumn("a"), DropColumn("b"))),
    ("DROP COLUMN IF EXISTS a", (DropColumn("a", True),)),
    ("RENAME COLUMN a TO b", (RenameColumn("a", "b"),)),
    ("ALTER COLUMN a SET DEFAULT 5", (SetColumnDefault("a", Default("5")),)),
    ("ALTER a SET DEFAULT 'x'", (SetColumnDefault("a", Default("x")),)),
    ("ALTER a SET DEFAULT (now())", (SetColumnDefault("a", Default("now()", "expression")),)),
    ("ALTER a SET DEFAULT CURRENT_TIMESTAMP(3)", (SetColumnDefault("a", Default("3", "now")),)),
    ("ALTER a SET DEFAULT NULL", (SetColumnDefault("a", None),)),
    ("ALTER COLUMN a DROP DEFAULT", (DropColumnDefault("a"),)),
    ("ALTER COLUMN a SET INVISIBLE", (SetColumnVisibility("a", False),)),
    ("ALTER a SET VISIBLE", (SetColumnVisibility("a", True),)),
    ("DROP INDEX i", (DropKey("i"),)),
    ("DROP KEY IF EXISTS i", (DropKey("i", True),)),
    ("DROP PRIMARY KEY", (DropKey("PRIMARY"),)),
    ("RENAME INDEX a TO b", (RenameKey("a", "b"),)),
    ("RENAME KEY a TO b", (RenameKey("a", "b"),)),
    ("ALTER INDEX i INVISIBLE", (SetKeyVisibility("i", False),)),
    ("ALTER INDEX i VISIBLE", (SetKeyVisibility("i", True),)),
    ("ALTER KEY i IGNORED", (SetKeyVisibility("i", False),)),
    ("ALTER INDEX i NOT IGNORED", (SetKeyVisibility("i", True),)),
    ("DROP FOREIGN KEY f", (DropForeignKey("f"),)),
    ("DROP FOREIGN KEY IF EXISTS f", (DropForeignKey("f", True),)),
    ("ADD CHECK (a > 0)", (AddCheck(Check("", "a > 0")),)),
    ("ADD CONSTRAINT c CHECK (a IN (1,2)) NOT ENFORCED", (AddCheck(Check("c", "a IN (1, 2)", False)),)),
    ("DROP CHECK c", (DropCheck("c"),)),
    ("ALTER CHECK c NOT ENFORCED", (SetCheckEnforced("c", False),)),
    ("ALTER CONSTRAINT c ENFORCED", (SetCheckEnforced("c", True),)),
    ("DROP CONSTRAINT c", (DropConstraint("c"),)),
    ("DROP CONSTRAINT IF EXISTS c", (DropConstraint("c", True),)),
    ("RENAME TO u", (RenameTo("u"),)),
    ("RENAME AS db.u", (RenameTo("db.u"),)),
    ("RENAME u", (RenameTo("u"),)),
    ("ENGINE=innodb", (SetOptions((("engine", "InnoDB"),)),)),
    (
        "ENGINE = MyISAM, COMMENT='a', ROW_FORMAT dynamic",
        (SetOptions((("engine", "MyISAM"), ("comment", "a"), ("row_format", "DYNAMIC"))),),
    ),
    ("AUTO_INCREMENT 100", (SetOptions((("auto_increment", "100"),)),)),
    (
        "DEFAULT CHARACTER SET = utf8 COLLATE utf8_bin",
        (SetOptions((("charset", "utf8mb3"), ("collate", "utf8mb3_bin"))),),
    ),
    ("DEFAULT CHARSET=latin1", (SetOptions((("charset", "latin1"),)),)),
    ("PAGE_COMPRESSED=1", (SetOptions((("page_compressed", "1"),)),)),
    ("CONVERT TO CHARACTER SET utf8mb4", (ConvertCharset("utf8mb4"),)),
    ("CONVERT TO CHARSET 'utf8' COLLATE utf8_bin", (ConvertCharset("utf8mb3", "utf8mb3_bin"),)),
    ("CONVERT TO CHARACTER SET DEFAULT", (ConvertCharset(None),)),
    ("FORCE", (Rebuild(),)),
    ("ORDER BY a, b DESC", (Rebuild(),)),
    ("ORDER BY a, ADD COLUMN b INT", (Rebuild(), actions("ADD COLUMN b INT")[0])),
    ("DISABLE KEYS", (OtherAction("DISABLE KEYS"),)),
    ("DISCARD TABLESPACE", (OtherAction("DISCARD TABLESPACE"),)),
    ("ADD SYSTEM VERSIONING", (SetSystemVersioning(True),)),
    ("DROP SYSTEM VERSIONING", (SetSystemVersioning(False),)),
    ("ADD PERIOD FOR SYSTEM_TIME(a, b)", (OtherAction("ADD PERIOD FOR SYSTEM_TIME(a, b)"),)),
    ("DROP PARTITION p0, p1", (AlterPartitions("DROP", ("p0", "p1")),)),
    ("ADD PARTITION (PARTITION p2 VALUES LESS THAN (9))", (AlterPartitions("ADD", (), ("p2",)),)),
    ("ADD PARTITION PARTITIONS 4", (AlterPartitions("ADD"),)),
    ("TRUNCATE PARTITION p0", (AlterPartitions("TRUNCATE", ("p0",)),)),
    ("TRUNCATE PARTITION ALL", (AlterPartitions("TRUNCATE", ("ALL",)),)),
    ("COALESCE PARTITION 2", (AlterPartitions("COALESCE"),)),
    (
        "REORGANIZE PARTITION p0 INTO (PARTITION a VALUES LESS THAN (5), PARTITION b VALUES LESS THAN MAXVALUE)",
        (AlterPartitions("REORGANIZE", ("p0",), ("a", "b")),),
    ),
    ("EXCHANGE PARTITION p0 WITH TABLE u WITHOUT VALIDATION", (AlterPartitions("EXCHANGE", ("p0",), (), "u"),)),
    ("REBUILD PARTITION p0", (AlterPartitions("REBUILD", ("p0",)),)),
    ("CHECK PARTITION ALL QUICK", (AlterPartitions("CHECK", ("ALL",)),)),
    ("DISCARD PARTITION p0 TABLESPACE", (AlterPartitions("DISCARD", ("p0",)),)),
    ("REMOVE PARTITIONING", (AlterPartitions("REMOVE"),)),
    ("CONVERT PARTITION p0 TO TABLE u", (AlterPartitions("CONVERT", ("p0",), (), "u"),)),
    ("", ()),
]


@pytest.mark.parametrize(("clause", "expected"), ACTIONS)
def test_actions(clause: str, expected: tuple[AlterAction, ...]) -> None:
    assert actions(clause, mariadb=True) == expected


FOREIGN_KEYS = [
    ("ADD FOREIGN KEY (a) REFERENCES p (id)", ForeignKey("", ("a",), "p", ("id",)), None),
    (
        "ADD CONSTRAINT f FOREIGN KEY (a, b) REFERENCES db.p (x, y) ON DELETE SET NULL ON UPDATE CASCADE",
        ForeignKey("f", ("a", "b"), "db.p", ("x", "y"), "SET NULL", "CASCADE"),
        None,
    ),
    (
        "ADD CONSTRAINT FOREIGN KEY ix (a) REFERENCES p (id) MATCH FULL ON UPDATE NO ACTION ON DELETE RESTRICT",
        ForeignKey("", ("a",), "p", ("id",), "RESTRICT", "NO ACTION"),
        "ix",
    ),
    (
        "ADD FOREIGN KEY (a) REFERENCES p (id) ON DELETE SET DEFAULT",
        ForeignKey("", ("a",), "p", ("id",), "SET DEFAULT"),
        None,
    ),
]


@pytest.mark.parametrize(("clause", "expected", "index"), FOREIGN_KEYS)
def test_foreign_keys(clause: str, expected: ForeignKey, index: str | None) -> None:
    assert actions(clause) == (AddForeignKey(expected, index),)


def test_mariadb_names_a_foreign_key_after_its_index() -> None:
    (added,) = actions("ADD FOREIGN KEY ix (a) REFERENCES p (id)", mariadb=True)
    assert isinstance(added, AddForeignKey)
    assert added.foreign_key.name == "ix"


def test_add_several_columns_in_parentheses() -> None:
    found = actions("ADD COLUMN (a int, b int not null, key (a))")
    assert [item.column.name for item in found if isinstance(item, AddColumn)] == ["a", "b"]
    assert found[2] == AddKey(key("", "a"))


def test_positions() -> None:
    first, after = actions("ADD a int FIRST, MODIFY COLUMN b int AFTER `x y`")
    assert isinstance(first, AddColumn)
    assert first.position == Position(None)
    assert isinstance(after, ModifyColumn)
    assert after.position == Position("x y")


@pytest.mark.parametrize(
    ("sql", "algorithm", "lock", "wait"),
    [
        ("ALTER TABLE t ADD a int, ALGORITHM=INPLACE, LOCK=NONE", "INPLACE", "NONE", None),
        ("ALTER TABLE t ALGORITHM = instant, ADD a int", "INSTANT", None, None),
        ("alter table t add a int, lock default", None, "DEFAULT", None),
        ("ALTER ONLINE TABLE t WAIT 5 ADD a int", None, None, "WAIT 5"),
        ("ALTER TABLE t NOWAIT ADD a int", None, None, "NOWAIT"),
        ("CREATE INDEX i ON t (a) ALGORITHM=INPLACE LOCK=SHARED", "INPLACE", "SHARED", None),
        ("CREATE INDEX i ON t (a) COMMENT 'x' LOCK=NONE", None, "NONE", None),
        ("CREATE INDEX i ON t WAIT 3 (a)", None, None, "WAIT 3"),
        ("DROP INDEX i ON t ALGORITHM=COPY LOCK EXCLUSIVE", "COPY", "EXCLUSIVE", None),
    ],
)
def test_algorithm_lock_wait(sql: str, algorithm: str | None, lock: str | None, wait: str | None) -> None:
    found = node(sql, mariadb=True)
    assert isinstance(found, AlterTable)
    assert (found.algorithm, found.lock, found.wait) == (algorithm, lock, wait)
    assert len(found.actions) == 1


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE INDEX i ON t (a)", AddKey(key("i", "a"))),
        (
            "CREATE UNIQUE INDEX `i` USING BTREE ON `t` (`a`,`b`)",
            AddKey(key("i", "a", "b", kind="unique", using="BTREE")),
        ),
        ("CREATE FULLTEXT INDEX i ON t (a)", AddKey(key("i", "a", kind="fulltext"))),
        ("CREATE SPATIAL INDEX i ON t (a)", AddKey(key("i", "a", kind="spatial"))),
        ("CREATE OR REPLACE INDEX i ON t (a)", AddKey(key("i", "a"))),
        ("CREATE INDEX IF NOT EXISTS i ON t (a)", AddKey(key("i", "a"), True)),
        ("DROP INDEX i ON t", DropKey("i")),
        ("DROP INDEX `PRIMARY` ON t", DropKey("PRIMARY")),
        ("DROP INDEX IF EXISTS i ON t", DropKey("i", True)),
    ],
)
def test_index_statements(sql: str, expected: AlterAction) -> None:
    found = node(sql, mariadb=True)
    assert isinstance(found, AlterTable)
    assert found.form == " ".join(["CREATE" if sql[0] == "C" else "DROP", "INDEX"])
    assert (found.name, found.actions) == ("t", (expected,))


def test_create_table_as_sqlalchemy_writes_it() -> None:
    found = node(
        "\nCREATE TABLE users (\n\tid INTEGER NOT NULL AUTO_INCREMENT, \n\tname VARCHAR(255) COLLATE utf8mb3_bin, \n\t"
        "team_id INTEGER, \n\tPRIMARY KEY (id), \n\tCONSTRAINT fk_team FOREIGN KEY(team_id) REFERENCES team (id) "
        "ON DELETE CASCADE, \n\tUNIQUE (name)\n)ENGINE=InnoDB CHARSET=utf8mb4\n\n"
    )
    assert isinstance(found, CreateTable)
    assert found.name == "users"
    assert [type(action) for action in found.actions] == [
        AddColumn, AddColumn, AddColumn, AddKey, AddForeignKey, AddKey, SetOptions,
    ]  # fmt: skip


def test_create_table_as_the_server_shows_it() -> None:
    found = node(
        "CREATE TABLE `a` (\n  `id` int unsigned NOT NULL,\n  `key` varchar(10) CHARACTER SET ascii COLLATE ascii_bin "
        "DEFAULT NULL,\n  PRIMARY KEY (`id`),\n  KEY `k` (`key`(3)) /*!80000 INVISIBLE */,\n  CONSTRAINT `c` CHECK "
        "((`id` > 0))\n) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci "
        "COMMENT='x'\n/*!50100 PARTITION BY RANGE (`id`)\n(PARTITION p0 VALUES LESS THAN (10) ENGINE = InnoDB,\n "
        "PARTITION p1 VALUES LESS THAN MAXVALUE ENGINE = InnoDB) */"
    )
    assert isinstance(found, CreateTable)
    assert AddKey(Key("k", "index", (KeyPart("key", None, 3),), visible=False)) in found.actions
    assert AddCheck(Check("c", "id > 0")) in found.actions
    assert found.actions[-1] == PartitionBy(
        Partitioning(
            "PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
            "RANGE",
            ("id",),
            ("p0", "p1"),
        )
    )


@pytest.mark.parametrize(
    ("clause", "method", "columns", "names"),
    [
        ("HASH (id) PARTITIONS 3", "HASH", ("id",), ("p0", "p1", "p2")),
        ("LINEAR HASH (year(d))", "LINEAR HASH", ("d",), ("p0",)),
        ("KEY () PARTITIONS 2", "KEY", (), ("p0", "p1")),
        ("LINEAR KEY ALGORITHM=2 (a, b) PARTITIONS 1", "LINEAR KEY", ("a", "b"), ("p0",)),
        ("LIST (a) (PARTITION x VALUES IN (1,2) COMMENT 'c', PARTITION y VALUES IN (3))", "LIST", ("a",), ("x", "y")),
        ("LIST COLUMNS (a) (PARTITION x VALUES IN ('p'))", "LIST COLUMNS", ("a",), ("x",)),
        (
            "RANGE (a) SUBPARTITION BY HASH (b) SUBPARTITIONS 2 (PARTITION x VALUES LESS THAN (1) "
            "(SUBPARTITION s0, SUBPARTITION s1))",
            "RANGE",
            ("a",),
            ("x",),
        ),
        ("SYSTEM_TIME LIMIT 100 (PARTITION h HISTORY, PARTITION n CURRENT)", "SYSTEM_TIME", (), ("h", "n")),
    ],
)
def test_partition_by(clause: str, method: str, columns: tuple[str, ...], names: tuple[str, ...]) -> None:
    (altered,) = actions(f"PARTITION BY {clause}")
    assert isinstance(altered, PartitionBy)
    found = altered.partitioning
    assert (found.method, found.columns, found.partitions) == (method, columns, names)
    created = node(f"CREATE TABLE t (a int) ENGINE=InnoDB PARTITION BY {clause}")
    assert isinstance(created, CreateTable)
    assert created.actions[-1] == altered
    assert actions(f"ADD x INT PARTITION BY {clause}")[1] == altered


def test_create_table_forms() -> None:
    like = node("CREATE TEMPORARY TABLE IF NOT EXISTS a LIKE db.b")
    assert like == CreateTable("a", (), True, False, True, "db.b")
    assert node("CREATE TABLE a (LIKE b)") == CreateTable("a", like="b")
    replaced = node("CREATE OR REPLACE TABLE a (id int)", mariadb=True)
    assert isinstance(replaced, CreateTable)
    assert replaced.or_replace
    for sql in (
        "CREATE TABLE a SELECT x, count(*) AS n FROM b JOIN c USING (id)",
        "CREATE TABLE a AS (SELECT x, count(*) AS n FROM b JOIN c USING (id))",
        "CREATE TABLE a ENGINE=InnoDB IGNORE AS SELECT x, count(*) n FROM b, c",
    ):
        found = node(sql)
        assert isinstance(found, CreateTable)
        assert found.select is not None
        assert (found.select.tables, found.select.names) == (("b", "c"), ("x", "n"))
    both = node("CREATE TABLE a (id int, KEY (id)) ENGINE=InnoDB SELECT id FROM b")
    assert isinstance(both, CreateTable)
    assert len(both.actions) == 3
    versioned = node("CREATE TABLE a (id int) WITH SYSTEM VERSIONING", mariadb=True)
    assert isinstance(versioned, CreateTable)
    assert versioned.actions[-1] == SetSystemVersioning(True)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("DROP TABLE a", DropTable(("a",))),
        ("DROP TABLE IF EXISTS a, `d`.`b` CASCADE", DropTable(("a", "d.b"), True)),
        ("DROP TEMPORARY TABLE a", DropTable(("a",), temporary=True)),
        ("RENAME TABLE a TO b", RenameTable((("a", "b"),))),
        ("RENAME TABLE a TO tmp, b TO a, tmp TO b", RenameTable((("a", "tmp"), ("b", "a"), ("tmp", "b")))),
        ("RENAME TABLES IF EXISTS a WAIT 3 TO b", RenameTable((("a", "b"),), True)),
        ("TRUNCATE a", TruncateTable("a")),
        ("TRUNCATE TABLE d.a", TruncateTable("d.a")),
        ("OPTIMIZE LOCAL TABLE a, b", MaintainTable("OPTIMIZE", ("a", "b"))),
        ("ANALYZE TABLE a UPDATE HISTOGRAM ON c", MaintainTable("ANALYZE", ("a",))),
        ("ANALYZE NO_WRITE_TO_BINLOG TABLE a PERSISTENT FOR ALL", MaintainTable("ANALYZE", ("a",))),
        ("CHECK TABLE a FOR UPGRADE", MaintainTable("CHECK", ("a",))),
        ("REPAIR TABLE a QUICK", MaintainTable("REPAIR", ("a",))),
        ("CHECKSUM TABLE a", MaintainTable("CHECKSUM", ("a",))),
    ],
)
def test_other_table_statements(sql: str, expected: Node) -> None:
    assert node(sql) == expected


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("ALTER TABLE t ADD COLUMN a", "expected a column type at the end of the statement"),
        ("ALTER TABLE t ADD COLUMN a int,", "expected an action"),
        ("ALTER TABLE t FROBNICATE", "unknown ALTER TABLE action at 'FROBNICATE'"),
        ("ALTER TABLE t ADD c varchar", "VARCHAR needs a length"),
        ("ALTER TABLE t ADD c int DEFAULT", "expected a default value"),
        ("ALTER TABLE t ADD c int DEFAULT SELECT 1", "expected a default value"),
        ("CREATE TABLE t (a int", "expected ) at the end"),
        ("CREATE TABLE t (a int))", "unexpected text at ')'"),
        ("CREATE TABLE t (a hyper)", "unknown column type 'hyper'"),
        ("CREATE SEQUENCE s", "CREATE SEQUENCE is not modelled"),
        ("DROP SERVER s", "DROP SERVER is not modelled"),
        ("ALTER TABLE t ADD c varchar(10) DEFAULT 'oops", "never ends"),
        ("FROBNICATE", "unknown statement"),
    ],
)
def test_what_is_opaque_says_why(sql: str, reason: str) -> None:
    found = node(sql)
    assert isinstance(found, Opaque)
    assert reason in found.reason
