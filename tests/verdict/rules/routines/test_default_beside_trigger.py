"""ZD514, and the servers' own word for it."""

from __future__ import annotations

import pytest
import sqlalchemy

from tests.servers import Server
from tests.verdict.support import USERS, finding, judged, manifest
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.judge import Judgement
from zdmigrate.verdict.model import Phase, Verdict

NAMES = "ALTER TABLE users ADD COLUMN first VARCHAR(40), ADD COLUMN last VARCHAR(40)"
DEFAULT = "ALTER TABLE users ADD COLUMN whole VARCHAR(90) DEFAULT (CONCAT(first, ' ', last))"
TRIGGER = "CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SET NEW.first = TRIM(NEW.first)"
OLD = "CREATE TABLE users (id INT PRIMARY KEY, a VARCHAR(9), b VARCHAR(9) NOT NULL DEFAULT (UPPER(a)))"


def rules(change: Judgement) -> set[str]:
    return {item.rule for item in change.findings}


@pytest.mark.parametrize("release", [(NAMES, DEFAULT, TRIGGER), (NAMES, TRIGGER, DEFAULT)])
def test_a_column_of_this_release(release: tuple[str, ...]) -> None:
    *_, change = judged(USERS, *release)
    said = finding(change, "ZD514")
    assert (said.old, said.phase) == (Verdict.CONDITIONAL, Phase.EXPAND)
    assert [item.name for item in said.conditions] == ["default-not-relied-on"]


def test_a_column_that_old_code_reads() -> None:
    (change,) = judged(OLD, TRIGGER.replace("first", "a"))
    said = finding(change, "ZD514")
    assert said.old is Verdict.UNSAFE
    assert "the implicit value of its type" in said.reason
    (change,) = judged(OLD, TRIGGER.replace("first", "a"), manifests=[manifest(users={"id": "INT", "a": "VARCHAR(9)"})])
    assert finding(change, "ZD514").old is Verdict.CONDITIONAL


def test_what_is_not_touched() -> None:
    *_, change = judged(USERS, NAMES, DEFAULT, TRIGGER, flavour=Flavour.parse("mariadb:10.11"))
    assert "ZD514" not in rules(change)
    *_, change = judged(USERS, NAMES, DEFAULT, TRIGGER.replace("BEFORE", "AFTER").replace("SET NEW.first", "SET @x"))
    assert "ZD514" not in rules(change)
    *_, change = judged(USERS, NAMES, DEFAULT.replace("(CONCAT(first, ' ', last))", "('first')"), TRIGGER)
    assert "ZD514" not in rules(change)
    *_, change = judged(OLD, TRIGGER.replace("first", "a"), "ALTER TABLE users MODIFY a VARCHAR(20)")
    assert "ZD514" not in rules(change)


def test_what_servers_do(any_sql_server: Server, any_sql_url: str) -> None:
    engine = sqlalchemy.create_engine(any_sql_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(OLD)
        connection.exec_driver_sql("INSERT INTO users (id, a) VALUES (1, 'x')")
        connection.exec_driver_sql("CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SET @x = 1")
        connection.exec_driver_sql("INSERT INTO users (id, a) VALUES (2, 'x')")
        stored = connection.exec_driver_sql("SELECT b FROM users ORDER BY id").scalars().all()
    engine.dispose()
    assert stored == (["X", "X"] if any_sql_server.kind == "mariadb" else ["X", ""])
