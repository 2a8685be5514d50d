"""Catalogs from dumps and from MetaData."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.history.comparing import comparable
from tests.history.sql import MARIADB, MYSQL, after, table
from zdmigrate.errors import UsageError
from zdmigrate.flavour import Flavour
from zdmigrate.history.load import from_dump, from_metadata, import_metadata
from zdmigrate.history.loading.dump import split
from zdmigrate.history.loading.live import flavour_of

DUMP = """\
-- MySQL dump 10.13  Distrib 8.4.3, for Linux (x86_64)
--
-- Host: localhost    Database: shop; a comment with a 'quote
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
DROP TABLE IF EXISTS `child`;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `child` (
  `id` int NOT NULL AUTO_INCREMENT,
  `parent` int DEFAULT NULL,
  `note` varchar(20) DEFAULT 'a;b',
  PRIMARY KEY (`id`),
  KEY `parent` (`parent`),
  CONSTRAINT `child_ibfk_1` FOREIGN KEY (`parent`) REFERENCES `parent` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;
/*!50003 SET sql_mode              = 'STRICT_TRANS_TABLES' */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `g` BEFORE INSERT ON `child` FOR EACH ROW
BEGIN
  SET NEW.note = 'x';
  SET NEW.parent = 1;
END */;;
DELIMITER ;
CREATE TABLE `parent` (
  `id` int NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;
SET @saved_cs_client     = @@character_set_client;
/*!50001 CREATE VIEW `v` AS SELECT
 1 AS `id`*/;
/*!50001 DROP VIEW IF EXISTS `v`*/;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `v` AS select `child`.`id` AS `id` from `child` */;
DELIMITER ;;
CREATE DEFINER=`root`@`localhost` PROCEDURE `p`()
BEGIN
  SELECT 1;
END ;;
DELIMITER ;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
-- Dump completed on 2026-01-01  0:00:00
"""


def test_a_dump_of_mysqldump() -> None:
    catalog = from_dump(DUMP, MYSQL)
    assert catalog.complete
    assert sorted(catalog.tables) == ["child", "parent"]
    assert [constraint.ref_table for constraint in table(catalog, "child").foreign_keys] == ["parent"]
    note = table(catalog, "child").column("note")
    assert note is not None
    assert note.default is not None
    assert note.default.text == "a;b"
    assert list(catalog.views) == ["v"]
    assert catalog.triggers["g"].table == "child"
    assert list(catalog.routines) == ["procedure p"]


def test_a_dump_says_the_same_as_the_statements() -> None:
    sql = "CREATE TABLE t (a INT PRIMARY KEY, b JSON, c TEXT, KEY k (c(10)))"
    assert comparable(from_dump(sql + ";", MYSQL)) == comparable(after(sql))


def test_mariadb_json_comes_back_as_json() -> None:
    shown = """
    /*M!999999\\- enable the sandbox mode */
    CREATE TABLE `t` (
      `j` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(`j`))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
    """
    found = table(from_dump(shown, MARIADB))
    assert found.columns[0].type.name == "json"
    assert found.checks == ()


def test_show_create_output_of_the_client() -> None:
    shown = """\
*************************** 1. row ***************************
       Table: t
Create Table: CREATE TABLE `t` (
  `a` int DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci
*************************** 1. row ***************************
       Table: u
Create Table: CREATE TABLE `u` (
  `a` int DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci
"""
    assert sorted(from_dump(shown, MYSQL).tables) == ["t", "u"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n\nCREATE TABLE t (a INT,);\n", ["line 3"]),
        ("CREATE TABLE t (a INT);\nCREATE TABLE t (a INT);", ["line 2", "1050"]),
        ("", ["no SQL statement"]),
        ("SET NAMES utf8mb4;", ["no SQL statement"]),
    ],
)
def test_what_cannot_be_used_is_named_with_its_line(text: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        from_dump(text, MYSQL)
    for word in words:
        assert word in str(caught.value)


def test_split_knows_lines_quotes_comments_and_delimiters() -> None:
    script = "a 'x;y' ;\n-- c;\n# d;\n/* e; */ b;\nDELIMITER //\nc; d//\ndelimiter ;\n`e;` \"f;\""
    assert list(split(script)) == [(1, "a 'x;y' "), (4, "b"), (6, "c; d"), (8, '`e;` "f;"')]


def metadata() -> sa.MetaData:
    """Two tables and an index."""
    found = sa.MetaData()
    sa.Table("parent", found, sa.Column("id", sa.Integer, primary_key=True), comment="100% of them")
    sa.Table(
        "child",
        found,
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("parent_id", sa.ForeignKey("parent.id"), index=True, nullable=False),
        sa.Column("kind", sa.Enum("x", "y", name="kind"), server_default="x"),
        sa.Column("on", sa.Boolean, nullable=False),
        sa.UniqueConstraint("kind", "on", name="uq"),
    )
    return found


@pytest.mark.parametrize("flavour", [MYSQL, MARIADB])
def test_metadata(flavour: Flavour) -> None:
    catalog = from_metadata(metadata(), flavour)
    child = table(catalog, "child")
    assert catalog.complete
    assert table(catalog, "parent").comment == "100% of them"
    assert [key.name for key in child.keys] == ["PRIMARY", "uq", "ix_child_parent_id"]
    assert child.foreign_keys[0].name == "child_ibfk_1"
    kind = child.column("kind")
    assert kind is not None
    assert kind.type.members == ("x", "y")


def test_metadata_no_server_can_have() -> None:
    found = sa.MetaData()
    sa.Table("t", found, sa.Column("a", sa.String))
    with pytest.raises(UsageError, match="VARCHAR requires a length"):
        from_metadata(found, MYSQL)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An importable module with models."""
    (tmp_path / "zd_models_for_test.py").write_text(
        textwrap.dedent(
            """
            import sqlalchemy as sa
            metadata = sa.MetaData()
            empty = sa.MetaData()
            number = 3
            sa.Table("t", metadata, sa.Column("a", sa.Integer, primary_key=True))
            class Base:
                metadata = metadata
            """
        )
    )
    (tmp_path / "zd_broken_for_test.py").write_text("raise RuntimeError('no settings')")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield_name = "zd_models_for_test"
    monkeypatch.delitem(sys.modules, yield_name, raising=False)
    return yield_name


@pytest.mark.parametrize("attribute", ["metadata", "Base.metadata", "Base"])
def test_import_metadata(models: str, attribute: str) -> None:
    assert list(import_metadata(f"{models}:{attribute}").tables) == ["t"]


def test_import_metadata_looks_where_alembic_would(
    models: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [item for item in sys.path if item != str(tmp_path)])
    with pytest.raises(UsageError, match="No module named"):
        import_metadata(f"{models}:metadata")
    assert list(import_metadata(f"{models}:metadata", [str(tmp_path)]).tables) == ["t"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("zd_models_for_test", "not of the form"),
        ("zd_models_for_test:Bass.metadata", "zd_models_for_test has no attribute 'Bass'"),
        ("zd_models_for_test:number", "is a int, not a sqlalchemy.MetaData"),
        ("zd_models_for_test:empty", "has no tables"),
        ("zd_nothing_here:metadata", "No module named 'zd_nothing_here'"),
        ("zd_broken_for_test:metadata", "RuntimeError: no settings"),
    ],
)
def test_import_metadata_says_what_is_wrong(models: str, path: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        import_metadata(path)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("version", "flavour"),
    [
        ("8.4.3", "mysql:8.4.3"),
        ("9.7.0-debug", "mysql:9.7.0"),
        ("8.0.36-28", "mysql:8.0.36"),
        ("10.11.6-MariaDB-0+deb12u1", "mariadb:10.11.6"),
        ("5.5.5-10.6.12-MariaDB-log", "mariadb:10.6.12"),
        ("11.8.1-MariaDB", "mariadb:11.8.1"),
    ],
)
def test_flavours(version: str, flavour: str) -> None:
    assert str(flavour_of(version)) == flavour
