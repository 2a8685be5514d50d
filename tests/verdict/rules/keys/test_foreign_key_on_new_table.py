"""ZD321."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import CONDITIONAL, EXPAND, SAFE, SHOP, check, manifest, says

NEW = "CREATE TABLE notes (id INT PRIMARY KEY, user_id INT NOT NULL)"
ADD = "ALTER TABLE notes ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id)"


@pytest.mark.parametrize(
    ("action", "what"),
    [
        ("", "fails with 1451 as long as a row of notes points at it"),
        (" ON DELETE CASCADE", "also deletes the rows of notes that point at it"),
    ],
)
def test_deletes_of_old_parents(action: str, what: str) -> None:
    found = says("ZD321", SHOP, NEW, ADD + action)
    check(found, CONDITIONAL, EXPAND, "parent-deletes-tolerate-children", text=what)
    assert what in found.conditions[0].text
    assert "1. expand: create notes without fk" in found.remedy


def test_inside_create_table() -> None:
    sql = "CREATE TABLE notes (id INT PRIMARY KEY, user_id INT, FOREIGN KEY (user_id) REFERENCES users (id))"
    check(says("ZD321", SHOP, sql), CONDITIONAL, EXPAND, "parent-deletes-tolerate-children")


def test_parent_of_this_release() -> None:
    sql = "CREATE TABLE kids (id INT PRIMARY KEY, note INT, FOREIGN KEY (note) REFERENCES notes (id))"
    check(says("ZD321", SHOP, NEW, sql), SAFE, EXPAND, text="both created in this release")


def test_unmapped_parent() -> None:
    found = says("ZD321", SHOP, NEW, ADD, manifests=[manifest(orders={"id": "INT NOT NULL"})])
    check(found, SAFE, EXPAND)
    assert found.evidence.endswith("maps no table users")
