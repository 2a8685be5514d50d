"""ZD310."""

from __future__ import annotations

from tests.verdict.rules.scene import CONDITIONAL, CONTRACT, EXPAND, SAFE, SPLIT, UNSAFE, check, manifest, says

LOG = "CREATE TABLE log (id INT, line INT NOT NULL, text VARCHAR(50))"


def test_on_old_columns() -> None:
    found = says("ZD310", LOG, "ALTER TABLE log ADD PRIMARY KEY (line)")
    check(found, CONDITIONAL, CONTRACT, "no-duplicates", "no-duplicate-writes", text="1062")
    assert found.conditions[0].proof == (
        "SELECT `line`, COUNT(*) FROM `log` GROUP BY `line` HAVING COUNT(*) > 1 LIMIT 1"
    )
    assert found.remedy.endswith('contract: op.create_primary_key(None, "log", ["line"])')


def test_on_a_nullable_column() -> None:
    found = says("ZD310", LOG, "ALTER TABLE log ADD PRIMARY KEY (id)")
    names = ("no-duplicates", "no-duplicate-writes", "no-nulls", "no-null-writes")
    check(found, CONDITIONAL, CONTRACT, *names, text="NULL in id with 1048")
    assert found.conditions[2].proof == "SELECT 1 FROM `log` WHERE `id` IS NULL LIMIT 1"


def test_code_that_maps_it_not_null_writes_no_null() -> None:
    deployed = [manifest(log={"id": "INT NOT NULL", "line": "INT NOT NULL"})]
    found = says("ZD310", LOG, "ALTER TABLE log ADD PRIMARY KEY (id)", manifests=deployed)
    check(found, CONDITIONAL, CONTRACT, "no-duplicates", "no-duplicate-writes", "no-nulls")


def test_where_a_unique_key_already_refuses() -> None:
    base = LOG + "; CREATE UNIQUE INDEX uq ON log (line)"
    check(says("ZD310", base, "ALTER TABLE log ADD PRIMARY KEY (line)"), SAFE, EXPAND, text="uq already refuses")


def test_on_a_new_counter() -> None:
    found = says("ZD310", LOG, "ALTER TABLE log ADD COLUMN n INT AUTO_INCREMENT PRIMARY KEY")
    check(found, CONDITIONAL, CONTRACT, "same-numbers-on-replicas", text="replicas may give one row different numbers")


def test_on_a_new_constant() -> None:
    found = says("ZD310", LOG, "ALTER TABLE log ADD COLUMN n INT NOT NULL DEFAULT 1 PRIMARY KEY")
    check(found, UNSAFE, SPLIT, text="1062")
