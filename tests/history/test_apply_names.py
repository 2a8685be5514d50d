"""Names a server gives to unnamed keys and constraints, and what becomes of them."""

from __future__ import annotations

import pytest

from tests.history.sql import MARIADB, MYSQL, after, table
from zdmigrate.flavour import Flavour

P = "CREATE TABLE p (id INT PRIMARY KEY)"


@pytest.mark.parametrize(
    ("statements", "keys"),
    [
        (["CREATE TABLE t (a INT, b INT, KEY (a), KEY (a, b), UNIQUE (b))"], ["a", "a_2", "b"]),
        (["CREATE TABLE t (a INT UNIQUE, b INT)", "ALTER TABLE t ADD INDEX (a, b)"], ["a", "a_2"]),
        (["CREATE TABLE t (a INT, a_2 INT, KEY a_2 (a_2), KEY (a), KEY (a, a_2))"], ["a", "a_2", "a_3"]),
        (["CREATE TABLE t (a INT PRIMARY KEY)"], ["PRIMARY"]),
        ([P, "CREATE TABLE t (x INT, FOREIGN KEY (x) REFERENCES p (id))"], ["x"]),
        ([P, "CREATE TABLE t (x INT, CONSTRAINT f FOREIGN KEY (x) REFERENCES p (id))"], ["f"]),
        ([P, "CREATE TABLE t (x INT, KEY k (x), CONSTRAINT f FOREIGN KEY (x) REFERENCES p (id))"], ["k"]),
        (
            [
                P,
                "CREATE TABLE t (x INT, CONSTRAINT f FOREIGN KEY (x) REFERENCES p (id))",
                "ALTER TABLE t ADD INDEX explicit_one (x)",
            ],
            ["explicit_one"],
        ),
        (
            [
                P,
                "CREATE TABLE t (x INT, CONSTRAINT f FOREIGN KEY (x) REFERENCES p (id))",
                "ALTER TABLE t DROP FOREIGN KEY f",
            ],
            ["f"],
        ),
        (["CREATE TABLE t (a INT, b INT, KEY k (a, b))", "ALTER TABLE t DROP COLUMN a"], ["k"]),
        (["CREATE TABLE t (a INT, b INT, KEY k (a))", "ALTER TABLE t DROP COLUMN a"], []),
    ],
)
def test_key_names(statements: list[str], keys: list[str]) -> None:
    assert sorted(key.name for key in table(after(*statements)).keys) == sorted(keys)


@pytest.mark.parametrize("flavour", [MYSQL, MARIADB])
def test_foreign_keys_count_on_from_the_highest(flavour: Flavour) -> None:
    catalog = after(
        P,
        "CREATE TABLE t (x INT, y INT, FOREIGN KEY (x) REFERENCES p (id), FOREIGN KEY (y) REFERENCES p (id))",
        "ALTER TABLE t DROP FOREIGN KEY t_ibfk_1",
        "ALTER TABLE t ADD FOREIGN KEY (x) REFERENCES p (id)",
        flavour=flavour,
    )
    assert sorted(constraint.name for constraint in table(catalog).foreign_keys) == ["t_ibfk_2", "t_ibfk_3"]


def test_generated_names_follow_the_table() -> None:
    catalog = after(
        P,
        "CREATE TABLE t (x INT, CHECK (x > 0), FOREIGN KEY (x) REFERENCES p (id))",
        "RENAME TABLE t TO u",
    )
    assert table(catalog, "u").foreign_keys[0].name == "u_ibfk_1"
    assert table(catalog, "u").checks[0].name == "u_chk_1"


@pytest.mark.parametrize(
    ("flavour", "names"),
    [(MYSQL, ["named", "t_chk_1", "t_chk_2", "t_chk_3"]), (MARIADB, ["CONSTRAINT_1", "CONSTRAINT_2", "a", "named"])],
)
def test_check_names(flavour: Flavour, names: list[str]) -> None:
    catalog = after(
        "CREATE TABLE t (a INT CHECK (a > 0), b INT, CHECK (b > 0), CONSTRAINT named CHECK (b > 1))",
        "ALTER TABLE t ADD CHECK (b > 2)",
        flavour=flavour,
    )
    assert sorted(check.name for check in table(catalog).checks) == names


def test_mariadb_column_checks_live_and_die_with_the_definition() -> None:
    catalog = after("CREATE TABLE t (a INT CHECK (a > 0))", "ALTER TABLE t MODIFY a BIGINT", flavour=MARIADB)
    assert table(catalog).checks == ()
