"""ZD901 and ZD902, and that no change in the area of these rules goes unjudged."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import pytest

from tests.verdict.rules.scene import MARIADB, RULES, SHOP, UNKNOWN, judged, says
from zdmigrate.history import syntax
from zdmigrate.verdict import differences
from zdmigrate.verdict.model import Verdict
from zdmigrate.verdict.rule import Rule

EVERYTHING = (
    SHOP
    + """
ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE orders ADD CONSTRAINT ck CHECK (price > 0);
CREATE VIEW v AS SELECT id FROM users;
CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SET NEW.email = NEW.name;
CREATE PROCEDURE tidy() DELETE FROM orders;
"""
)

OF_OTHERS = {
    *("CreateTable", "AlterTable", "DropTable", "RenameTable", "MaintainTable"),
    *("UnseenTableAltered", "NewTableChanged", "SystemVersioningChanged", "PartitioningChanged"),
    *("TableCreated", "TableDropped", "TableReplaced", "TableRenamed", "TableOptionChanged"),
    *("ColumnAdded", "ColumnDropped", "ColumnReplaced", "ColumnRenamed", "ColumnChanged", "ColumnsReordered"),
}


def test_statement_nobody_can_read() -> None:
    found = says("ZD901", SHOP, "FROBNICATE users")
    assert (found.old, found.new) == (UNKNOWN, UNKNOWN)
    assert "could not be read: unknown statement 'FROBNICATE users'" in found.reason
    assert "zdmigrate prove" in found.remedy


def test_call() -> None:
    found = says("ZD902", EVERYTHING, "CALL tidy()")
    assert found.old is UNKNOWN
    assert "its body is CREATE PROCEDURE tidy() DELETE FROM orders" in found.reason
    assert "its body was never seen" in says("ZD902", SHOP, "CALL other(1)", complete=False).reason


def test_every_type_has_a_rule() -> None:
    types = {*typing.get_args(syntax.Node), *typing.get_args(differences.Difference)}
    judged_here = {subject.__name__ for rule in RULES for subject in rule.on}
    assert {item.__name__ for item in types} - OF_OTHERS == judged_here - OF_OTHERS


def test_ids_are_unique_and_in_order() -> None:
    ids = [rule.id for rule in RULES]
    assert ids == sorted(set(ids))
    assert all(rule.title and rule.on for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_has_its_page(rule: Rule) -> None:
    page = (Path(__file__).parents[3] / "docs" / "rules" / f"{rule.id}.md").read_text()
    assert page.startswith(f"# {rule.id}: {rule.title}\n")
    assert "\nSource: " in page
    if rule.facts:
        rows = [int(number) for number in re.findall(r"\d+", page.split("facts/operations, row")[-1].split(";")[0])]
        assert tuple(rows) == rule.facts


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE UNIQUE INDEX i ON users (email)",
        "CREATE INDEX i ON users (status)",
        "CREATE FULLTEXT INDEX i ON users (name)",
        "DROP INDEX ix_email ON users",
        "DROP INDEX uq_name ON users",
        "ALTER TABLE users RENAME INDEX ix_email TO i",
        "ALTER TABLE users DROP INDEX ix_email, ADD INDEX ix_email (email) USING HASH",
        "ALTER TABLE users DROP INDEX ix_email, ADD UNIQUE ix_email (email)",
        "ALTER TABLE orders DROP PRIMARY KEY",
        "ALTER TABLE users DROP PRIMARY KEY, ADD PRIMARY KEY (id, name)",
        "ALTER TABLE orders DROP FOREIGN KEY fk",
        "ALTER TABLE orders DROP FOREIGN KEY fk, ADD CONSTRAINT f FOREIGN KEY (user_id) REFERENCES users (id)",
        "ALTER TABLE orders ADD CONSTRAINT c2 CHECK (price < 9)",
        "ALTER TABLE orders DROP CONSTRAINT ck",
        "ALTER TABLE orders DROP CONSTRAINT ck, ADD CONSTRAINT ck CHECK (price < 9)",
        "INSERT INTO users (name) VALUES ('a')",
        "INSERT INTO users (name) SELECT 'a'",
        "INSERT INTO users () VALUES ()",
        "INSERT INTO users (name) VALUES ('a') ON DUPLICATE KEY UPDATE name = 'b'",
        "REPLACE INTO users (name) SELECT 'a'",
        "UPDATE users SET name = 'b'",
        "UPDATE users, orders SET users.name = 'b', orders.price = 1 WHERE users.id = orders.user_id",
        "DELETE FROM users",
        "DELETE users, orders FROM users JOIN orders ON users.id = orders.user_id",
        "TRUNCATE orders",
        "LOAD DATA INFILE 'x' INTO TABLE users",
        "CREATE VIEW w AS SELECT 1",
        "CREATE OR REPLACE VIEW v AS SELECT 1",
        "CREATE OR REPLACE VIEW v AS SELECT id FROM users",
        "DROP VIEW v",
        "DROP VIEW IF EXISTS other",
        "CREATE TRIGGER t2 AFTER DELETE ON orders FOR EACH ROW BEGIN END",
        "DROP TRIGGER tr",
        "DROP TRIGGER IF EXISTS other",
        "CREATE PROCEDURE p() SELECT 1",
        "DROP PROCEDURE tidy",
        "DROP FUNCTION IF EXISTS other",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
        "CALL tidy()",
        "GRANT SELECT ON *.* TO a",
        "REVOKE SELECT ON *.* FROM a",
        "DROP DATABASE d",
        "SET x = 1",
        "SET GLOBAL x = 1",
        "SELECT 1",
        "COMMIT",
        "USE other",
        "nonsense",
    ],
)
@pytest.mark.parametrize("complete", [True, False])
def test_no_silent_pass(sql: str, complete: bool) -> None:
    found = judged(EVERYTHING, sql, flavour=MARIADB, complete=complete)
    ours = {rule.id for rule in RULES}
    assert found.findings
    assert {item.rule for item in found.findings} <= ours, [(item.rule, item.reason) for item in found.findings]
    for item in found.findings:
        assert item.reason
        assert (item.old is Verdict.CONDITIONAL) == bool(item.conditions)
        assert (item.new is Verdict.CONDITIONAL) == bool(item.new_conditions)
