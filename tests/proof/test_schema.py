"""A catalog built on a real server is the same catalog when read back: schema.py."""

from __future__ import annotations

import pytest
import sqlalchemy

from tests.history.comparing import comparable
from tests.history.sql import after
from zdmigrate.history.loading.live import from_live, server_flavour
from zdmigrate.proof.schema import create_statements

_SCHEMAS = {
    "types": "CREATE TABLE t (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, a DECIMAL(8,3) NOT NULL DEFAULT 1.5, "
    "b BIT(4) DEFAULT b'101', c DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), "
    "d TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, e ENUM('it''s','b') NOT NULL, f SET('x','y'), "
    "g VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT '', h TINYINT(1) NOT NULL) "
    "COMMENT 'it''s'",
    "keys": "CREATE TABLE t (id INT PRIMARY KEY, a CHAR(99), b INT, c TEXT, UNIQUE KEY u (a, b DESC), KEY k (c(20)), "
    "FULLTEXT KEY f (c), CHECK (b > 0)) ROW_FORMAT=COMPRESSED",
    "foreign keys in a circle": "CREATE TABLE p (id INT PRIMARY KEY, c_id INT); CREATE TABLE c (id INT PRIMARY KEY, "
    "p_id INT, CONSTRAINT one FOREIGN KEY (p_id) REFERENCES p (id) ON DELETE CASCADE); "
    "ALTER TABLE p ADD CONSTRAINT two FOREIGN KEY (c_id) REFERENCES c (id) ON DELETE SET NULL",
    "generated and invisible": "CREATE TABLE t (id INT PRIMARY KEY, a INT, v INT AS (a + 1) VIRTUAL, "
    "s INT AS (a * 2) STORED, i INT NULL INVISIBLE)",
    "partitions": "CREATE TABLE t (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), "
    "PARTITION p1 VALUES LESS THAN MAXVALUE)",
    "view and trigger": "CREATE TABLE t (id INT PRIMARY KEY, a INT); CREATE VIEW v AS SELECT id FROM t; "
    "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1",
}


@pytest.mark.parametrize("name", _SCHEMAS)
def test_what_is_built_is_what_was_meant(name: str, any_sql_url: str) -> None:
    engine = sqlalchemy.create_engine(any_sql_url)
    with engine.connect() as connection:
        wanted = after(_SCHEMAS[name], flavour=server_flavour(connection))
        for statement in create_statements(wanted):
            connection.exec_driver_sql(statement.replace("%", "%%"))
        found = from_live(connection)
    engine.dispose()
    assert comparable(found) == comparable(wanted)
