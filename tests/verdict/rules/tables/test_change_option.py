"""ZD107: rules/tables/change_option.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import USERS, assert_safe, finding, judged
from zdmigrate.verdict.model import Phase, Verdict


@pytest.mark.parametrize(
    ("option", "phase"),
    [
        ("COMMENT='people'", Phase.NEUTRAL),
        ("AUTO_INCREMENT=1000", Phase.NEUTRAL),
        ("DEFAULT CHARACTER SET utf8mb3", Phase.NEUTRAL),
        ("ROW_FORMAT=COMPRESSED", Phase.EXPAND),
        ("KEY_BLOCK_SIZE=8", Phase.EXPAND),
        ("STATS_PERSISTENT=1", Phase.NEUTRAL),
    ],
)
def test_statements_stay_the_same(option: str, phase: Phase) -> None:
    (change,) = judged(USERS, f"ALTER TABLE users {option}")
    assert_safe(change, phase=phase)
    assert change.new is Verdict.SAFE
    assert {item.rule for item in change.findings} == {"ZD107"}
    assert "users" in change.findings[0].reason


@pytest.mark.parametrize(
    ("type_", "number", "verdict"),
    [
        ("INT", 2147483647, Verdict.UNSAFE),
        ("INT", 4000000000, Verdict.UNSAFE),
        ("INT UNSIGNED", 4000000000, Verdict.CONDITIONAL),
        ("INT", 2147483000, Verdict.CONDITIONAL),
        ("BIGINT", 4000000000, Verdict.SAFE),
        ("INT", 1500000000, Verdict.SAFE),
        ("TINYINT", 127, Verdict.UNSAFE),
    ],
)
def test_the_next_number_must_be_in_the_columns_range(type_: str, number: int, verdict: Verdict) -> None:
    base = f"CREATE TABLE t (id {type_} NOT NULL AUTO_INCREMENT PRIMARY KEY)"
    (change,) = judged(base, f"ALTER TABLE t AUTO_INCREMENT={number}")
    assert change.old is verdict
    if verdict is not Verdict.SAFE:
        assert "1467" in finding(change, "ZD107").reason
    (change,) = judged("", f"ALTER TABLE t AUTO_INCREMENT={number}", complete=False)
    assert change.old in (Verdict.CONDITIONAL, Verdict.SAFE)
