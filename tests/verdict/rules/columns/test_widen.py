"""ZD212: rules/columns/widen.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_conditional, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase, Verdict


def test_a_longer_varchar_is_safe() -> None:
    for length in (51, 64, 256):
        (change,) = judged(USERS, f"ALTER TABLE users MODIFY nick VARCHAR({length})")
        assert_safe(change, phase=Phase.EXPAND)
        assert change.new is Verdict.UNSAFE
        assert "1406" in finding(change, "ZD212").reason


def test_another_type_of_the_family_asks_the_readers() -> None:
    (number,) = judged(USERS, "ALTER TABLE users MODIFY qty BIGINT NOT NULL DEFAULT 0")
    (condition,) = assert_conditional(number, "readers-accept-wider", phase=Phase.EXPAND)
    assert "accepts every BIGINT, not only INT" in condition.text
    assert "1264" in finding(number, "ZD212").reason
    (text,) = judged(USERS, "ALTER TABLE users MODIFY nick TEXT")
    assert_conditional(text, "readers-accept-wider")


def test_several_steps_are_seen_as_one() -> None:
    _, second = judged(USERS, "ALTER TABLE users MODIFY nick VARCHAR(60)", "ALTER TABLE users MODIFY nick VARCHAR(70)")
    assert_safe(second)
    assert "VARCHAR(50) only grew to VARCHAR(70)" in finding(second, "ZD212").reason


def test_an_earlier_widening_does_not_leak_into_a_later_statement() -> None:
    _, second = judged(
        USERS,
        "ALTER TABLE users MODIFY nick VARCHAR(60)",
        "ALTER TABLE users MODIFY nick VARCHAR(60) NOT NULL",
    )
    assert_unsafe(second, phase=Phase.CONTRACT)
    assert "ZD212" not in [item.rule for item in second.findings]


def test_enum_to_varchar_is_safe_to_write_and_asks_the_readers() -> None:
    (change,) = judged(USERS, "ALTER TABLE users MODIFY status VARCHAR(20) NOT NULL DEFAULT 'new'")
    assert_conditional(change, "readers-accept-member", "no-ordinal-use")


def test_timestamp_to_datetime_asks_for_the_time_zone() -> None:
    (change,) = judged("CREATE TABLE t (at TIMESTAMP NULL)", "ALTER TABLE t MODIFY at DATETIME NULL")
    assert_conditional(change, "one-time-zone")


def test_manifests_that_read_it_wide_already() -> None:
    (change,) = judged(
        USERS,
        "ALTER TABLE users MODIFY qty BIGINT NOT NULL DEFAULT 0",
        manifests=[manifest(users={"qty": "BIGINT NOT NULL"})],
    )
    assert_safe(change)
    assert "users.qty as BIGINT" in finding(change, "ZD212").evidence
