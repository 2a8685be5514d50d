"""ZD107: rules/tables/change_option.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import USERS, assert_safe, judged
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
