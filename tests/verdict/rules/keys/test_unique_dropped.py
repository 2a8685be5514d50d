"""ZD304."""

from __future__ import annotations

from tests.verdict.rules.scene import CONDITIONAL, CONTRACT, EXPAND, SAFE, SHOP, check, judged, phase_of_revision, says


def test_writes_succeed_as_before() -> None:
    found = says("ZD304", SHOP, "ALTER TABLE users DROP INDEX uq_name")
    check(found, SAFE, EXPAND, new=CONDITIONAL, text="ON DUPLICATE KEY UPDATE and REPLACE")
    assert "lose their index" in found.reason
    assert [condition.name for condition in found.new_conditions] == ["duplicates-after-drop"]


def test_another_key_goes_on_refusing() -> None:
    base = SHOP + "CREATE UNIQUE INDEX uq2 ON users (name, id)"
    found = says("ZD304", base, "ALTER TABLE users DROP INDEX uq2")
    check(found, SAFE, EXPAND, text="PRIMARY goes on refusing the same duplicates")


def test_goes_with_its_column() -> None:
    check(says("ZD304", SHOP, "ALTER TABLE users DROP COLUMN name"), SAFE, CONTRACT, text="goes with its columns")


def test_belongs_to_the_contract_step_when_a_column_of_it_goes() -> None:
    base = SHOP + "CREATE UNIQUE INDEX uq2 ON users (email, status)"
    release = "ALTER TABLE users DROP INDEX uq2, DROP COLUMN email"
    check(says("ZD304", base, release), SAFE, CONTRACT, new=CONDITIONAL)


def test_what_prepares_the_drop_of_its_column_belongs_to_that() -> None:
    revision = ("ALTER TABLE users DROP INDEX uq_name", "ALTER TABLE users DROP COLUMN name")
    assert phase_of_revision(SHOP, *revision) is CONTRACT


def test_a_foreign_key_that_needs_it_is_named() -> None:
    base = SHOP + (
        "CREATE TABLE kids (id INT PRIMARY KEY, boss VARCHAR(50), "
        "CONSTRAINT fk_boss FOREIGN KEY (boss) REFERENCES users (name))"
    )
    judgement = judged(base, "SET foreign_key_checks = 0", "ALTER TABLE users DROP INDEX uq_name")
    # The catalog may refuse it as the server does; when it does not, the rule says so.
    assert all("1553" in item.reason for item in judgement.findings if item.rule == "ZD304")
