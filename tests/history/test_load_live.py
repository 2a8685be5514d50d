"""Catalogs read from real servers, and what is said when they cannot be."""

from __future__ import annotations

import pytest
import sqlalchemy

from tests.history.comparing import comparable
from tests.history.test_apply_servers import connection_to
from zdmigrate.errors import UsageError
from zdmigrate.history.load import from_dump, from_live, server_flavour


def test_everything_a_schema_holds(any_sql_url: str) -> None:
    with connection_to(any_sql_url) as connection:
        for sql in (
            "CREATE TABLE `we``ird%` (a INT PRIMARY KEY COMMENT '100% a;b', j JSON)",
            "CREATE TABLE child (b INT, CONSTRAINT f FOREIGN KEY (b) REFERENCES `we``ird%` (a)) COLLATE utf8mb4_bin",
            "CREATE VIEW v AS SELECT a FROM `we``ird%`",
            "CREATE VIEW broken AS SELECT b FROM child",
            "ALTER TABLE child CHANGE b c INT",
            "CREATE TRIGGER g BEFORE INSERT ON child FOR EACH ROW SET NEW.c = 1",
            "CREATE PROCEDURE p() SELECT 1",
            "CREATE FUNCTION p() RETURNS INT DETERMINISTIC RETURN 1",
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
        ):
            connection.exec_driver_sql(sql.replace("%", "%%"))
        catalog = from_live(connection)
    assert sorted(catalog.tables) == ["child", "we`ird%"]
    assert catalog.tables["we`ird%"].columns[1].type.name == "json"
    assert catalog.tables["child"].collation == "utf8mb4_bin"
    assert [child for child, _ in catalog.references_to("we`ird%")] == ["child"]
    assert sorted(catalog.views) == ["broken", "v"]
    assert catalog.triggers["g"].table == "child"
    assert sorted(catalog.routines) == ["event e", "function p", "procedure p"]
    assert catalog.complete


def test_the_servers_own_sql_mode_is_left_as_it_was(any_sql_url: str) -> None:
    with connection_to(any_sql_url) as connection:
        connection.exec_driver_sql("SET SESSION sql_mode = 'ANSI_QUOTES,STRICT_TRANS_TABLES'")
        connection.exec_driver_sql('CREATE TABLE "t" ("a" INT)')
        assert list(from_live(connection).tables) == ["t"]
        assert connection.exec_driver_sql("SELECT @@sql_mode").scalar() == "ANSI_QUOTES,STRICT_TRANS_TABLES"


def test_a_dump_of_the_server_is_the_server(any_sql_url: str) -> None:
    with connection_to(any_sql_url) as connection:
        connection.exec_driver_sql("CREATE TABLE p (id INT PRIMARY KEY)")
        connection.exec_driver_sql(
            "CREATE TABLE c (p INT, e VARCHAR(9) DEFAULT 'x;', FOREIGN KEY (p) REFERENCES p (id))"
        )
        shown = [connection.exec_driver_sql(f"SHOW CREATE TABLE {name}").one()[1] for name in ("c", "p")]
        live = from_live(connection)
        flavour = server_flavour(connection)
    dumped = from_dump(";\n".join(shown), flavour)
    assert comparable(dumped)["tables"] == comparable(live)["tables"]


def test_no_database_selected(any_sql_url: str) -> None:
    url = sqlalchemy.make_url(any_sql_url).set(database="").render_as_string(hide_password=False)
    with connection_to(url) as connection, pytest.raises(UsageError, match="no database selected"):
        from_live(connection)


def test_a_lost_connection_is_one_clear_sentence(any_sql_url: str) -> None:
    with connection_to(any_sql_url) as connection:
        connection.connection.driver_connection.close()
        with pytest.raises(UsageError, match="did not answer 'SELECT VERSION\\(\\)'"):
            server_flavour(connection)
        connection.invalidate()
