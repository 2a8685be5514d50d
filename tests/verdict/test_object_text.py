"""What the texts of triggers, views and routines name."""

from __future__ import annotations

import pytest

from tests.verdict.support import USERS, recorded
from zdmigrate.verdict.object_text import StoredText, bare, stored_texts, words_of


def trigger(body: str, on: str = "orders") -> StoredText:
    return StoredText("trigger", "tr", body, on)


def test_words_are_whole_and_without_case() -> None:
    assert words_of('UPDATE `Users` SET users_old = NEW.`my-name`, "odd name" = 1') >= {
        "users",
        "users_old",
        "my-name",
        "odd name",
    }
    assert "user" not in words_of("UPDATE users SET users_old = 1")
    assert bare("Shop.Users") == "users"


@pytest.mark.parametrize(
    ("body", "uses"),
    [
        ("UPDATE users SET price = 1", True),
        ("UPDATE shop.`users` SET `PRICE` = 1", True),
        ("UPDATE users SET qty = 1", False),
        ("UPDATE items SET price = 1", False),
        ("UPDATE users SET prices = 1", False),
        ("INSERT INTO log SELECT * FROM users", True),
        ("INSERT INTO log (a) SELECT users.* FROM users", True),
        ("UPDATE users SET qty = qty * 2", False),
        ("SET @n = (SELECT COUNT(*) FROM users)", False),
        ("INSERT INTO users VALUES (1, 2)", True),
        ("INSERT INTO users (id) VALUES (1)", False),
        ("INSERT INTO users (SELECT 1, 2)", True),
        ("TABLE users", True),
        ("BEGIN CREATE TEMPORARY TABLE t AS TABLE users; END", True),
        ("BEGIN CREATE TEMPORARY TABLE t SELECT id FROM users; END", False),
        ("SELECT id FROM users NATURAL JOIN teams", True),
        ("DECLARE one ROW TYPE OF users", True),
        ("SET NEW.price = 1", False),
    ],
)
def test_a_column_is_used_where_its_table_is_named_too(body: str, uses: bool) -> None:
    assert trigger(body).uses_column({"users"}, {"price"}) is uses


@pytest.mark.parametrize(
    ("body", "uses"),
    [
        ("SET NEW.price = 1", True),
        ("SET NEW . `Price` = 1", True),
        ("SET @x = OLD.price", True),
        ("SET `NEW`.`price` = 1", True),
        ("SET NEW.prices = 1", False),
        ("INSERT INTO audit (price) VALUES (1)", False),
    ],
)
def test_a_trigger_names_columns_of_its_own_row(body: str, uses: bool) -> None:
    assert trigger(body, on="users").uses_column({"users"}, {"price"}) is uses


def test_rows_are_added_without_the_column() -> None:
    adds = trigger("INSERT INTO users (id) VALUES (1)")
    assert adds.uses_column({"users"}, {"price"}, left_out=True)
    assert not trigger("UPDATE users SET qty = 1").uses_column({"users"}, {"price"}, left_out=True)


@pytest.mark.parametrize(
    ("body", "reads"),
    [
        ("INSERT INTO audit (what) VALUES ('new')", False),
        ("INSERT INTO shop.`audit` (what) VALUES ('new')", False),
        ("INSERT INTO audit (what) SELECT MAX(id) FROM audit", True),
        ("INSERT INTO audit (id) VALUES (1) ON DUPLICATE KEY UPDATE n = n + 1", True),
        ("DELETE FROM audit", True),
        ("DELETE FROM audits", False),
    ],
)
def test_adding_rows_is_no_reading(body: str, reads: bool) -> None:
    assert trigger(body).reads_table({"audit"}) is reads


def test_every_stored_object_of_a_schema() -> None:
    catalog, _ = recorded(
        f"{USERS}; CREATE VIEW v AS SELECT id FROM users; "
        "CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SET NEW.qty = 1; "
        "CREATE PROCEDURE p() SELECT 1; CREATE EVENT ev ON SCHEDULE EVERY 1 DAY DO DELETE FROM users"
    )
    assert [str(item) for item in stored_texts(catalog)] == ["trigger tr", "view v", "procedure p", "event ev"]
