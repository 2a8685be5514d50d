"""The list of rules: stable ids, a page each, and no change that no rule speaks of."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from tests.verdict.support import MARIADB, MYSQL, USERS, judged, manifest
from zdmigrate.flavour import Flavour
from zdmigrate.verdict import differences
from zdmigrate.verdict.judge import Judgement
from zdmigrate.verdict.model import Verdict
from zdmigrate.verdict.rules import RULES, rule
from zdmigrate.verdict.rules.columns import COLUMN_RULES
from zdmigrate.verdict.rules.tables import TABLE_RULES

PAGES = Path(__file__).parents[3] / "docs" / "rules"
#: Pages about the gate itself, which no rule reports.
_OF_THE_GATE = {"ZD900", "ZD909", "ZD997", "ZD998", "ZD999"}


def test_ids_are_unique_and_in_order() -> None:
    ids = [item.id for item in RULES]
    assert ids == sorted(set(ids))
    assert all(re.fullmatch(r"ZD[1-59]\d\d", item) for item in ids)
    assert rule("ZD203").title == "NOT NULL column added without a default"


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    assert {path.stem for path in PAGES.glob("ZD*.md")} - _OF_THE_GATE == {item.id for item in RULES}


@pytest.mark.parametrize("item", RULES, ids=lambda item: str(item.id))
def test_the_page_has_the_rules_title(item: differences.Difference) -> None:
    found = rule(getattr(item, "id", ""))
    page = (PAGES / f"{found.id}.md").read_text()
    assert page.splitlines()[0] == f"# {found.id}: {found.title}"
    assert "Source: " in page


def test_every_difference_has_a_rule() -> None:
    judged_types = {subject for item in RULES for subject in item.on}
    assert set(differences.Difference.__args__) <= judged_types


def test_the_facts_about_tables_and_columns_are_all_carried_out() -> None:
    cited = {row for item in (*TABLE_RULES, *COLUMN_RULES) for row in item.facts}
    assert set(range(1, 48)) - {2, 13, 17, 19} <= cited  # those four are about keys


#: Definitions of one column; each is changed into each other one.
DEFINITIONS = (
    "INT",
    "INT NOT NULL",
    "INT NOT NULL DEFAULT 5",
    "INT DEFAULT 6 COMMENT 'six'",
    "INT UNSIGNED NOT NULL",
    "BIGINT",
    "BIGINT NOT NULL AUTO_INCREMENT UNIQUE",
    "SMALLINT INVISIBLE",
    "DECIMAL(10,2) NOT NULL",
    "DECIMAL(8,3)",
    "DOUBLE",
    "VARCHAR(20)",
    "VARCHAR(300) NOT NULL DEFAULT 'x'",
    "VARCHAR(20) COLLATE utf8mb4_bin",
    "VARCHAR(20) CHARACTER SET latin1",
    "CHAR(20)",
    "TEXT",
    "VARBINARY(20)",
    "JSON",
    "ENUM('a','b')",
    "ENUM('b','a','c') NOT NULL DEFAULT 'a'",
    "ENUM('a')",
    "SET('a','b')",
    "DATE",
    "DATETIME(6)",
    "DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
    "TIMESTAMP NULL",
    "INT AS (z + 1) STORED",
    "INT AS (z + 2) VIRTUAL",
)


@pytest.mark.parametrize("flavour", [MYSQL, MARIADB], ids=str)
def test_every_way_to_change_a_column_is_judged(flavour: Flavour) -> None:
    for number, (was, now) in enumerate(itertools.permutations(DEFINITIONS, 2)):
        base = f"CREATE TABLE t (id INT PRIMARY KEY, z INT NOT NULL, a {was})"
        proofs = [[], [manifest(t={"id": "INT NOT NULL"})], [manifest(t={"a": "INT NOT NULL"})]]
        for mapped in proofs if number % 3 == 0 else proofs[:1]:
            (change,) = judged(base, f"ALTER TABLE t MODIFY a {now}", flavour=flavour, manifests=mapped)
            _complete(change, f"{was} -> {now}")


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_every_way_to_add_drop_and_rename_a_column_is_judged(definition: str) -> None:
    table = "CREATE TABLE t (id INT PRIMARY KEY, z INT NOT NULL)"
    add = f"ALTER TABLE t ADD a {definition}"
    for base, sql in (
        (table, add),
        (f"{table}; {add}", "ALTER TABLE t DROP a"),
        (f"{table}; {add}", "ALTER TABLE t RENAME COLUMN a TO b"),
        (f"{table}; {add}", f"ALTER TABLE t DROP a, ADD a {definition}"),
        (f"{table}; {add}", "ALTER TABLE t DROP a, ADD a TEXT"),
        (f"{table}; {add}", f"ALTER TABLE t RENAME COLUMN a TO b, ADD a {definition}"),
    ):
        (change,) = judged(base, sql)
        _complete(change, sql)


def _complete(change: Judgement, what: str) -> None:
    """Never silent, and every verdict says what DESIGN wants of it."""
    assert change.findings, what
    for item in change.findings:
        assert item.rule != "ZD909", what
        assert (item.old is Verdict.CONDITIONAL) == bool(item.conditions), (what, item)
        assert (item.new is Verdict.CONDITIONAL) == bool(item.new_conditions), (what, item)
        if not item.rule.startswith(("ZD1", "ZD2")):
            continue
        assert item.reason.endswith("."), (what, item)
        assert item.table == "t", (what, item)
        if item.old is Verdict.UNSAFE:
            assert re.search(r"\b\d{4}\b|gone|without an error|does not hold", item.reason), (what, item)
            assert item.remedy, (what, item)


def test_an_unrelated_statement_changes_no_verdict() -> None:
    alone = judged(USERS, "ALTER TABLE users MODIFY nick VARCHAR(20)")
    _, second = judged(USERS, "CREATE TABLE other (id INT)", "ALTER TABLE users MODIFY nick VARCHAR(20)")
    assert alone == [second]


@pytest.mark.parametrize("name", ["users", "Users", "`users`"])
def test_quoting_and_case_of_columns_change_no_verdict(name: str) -> None:
    table = "users" if name == "Users" else name
    for column in ("nick", "NICK", "`Nick`"):
        (change,) = judged(USERS, f"ALTER TABLE {table} MODIFY {column} VARCHAR(20) NULL")
        assert (change.old, change.phase.value) == (Verdict.UNSAFE, "contract")
