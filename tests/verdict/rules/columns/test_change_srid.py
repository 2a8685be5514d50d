"""ZD230: rules/columns/change_srid.py."""

from __future__ import annotations

from tests.verdict.support import assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase, Verdict


def test_bound_to_an_srid_old_values_are_refused() -> None:
    (change,) = judged("CREATE TABLE t (p POINT NOT NULL)", "ALTER TABLE t MODIFY p POINT NOT NULL SRID 4326")
    assert_unsafe(change, phase=Phase.CONTRACT)
    assert "3643" in finding(change, "ZD230").reason
    assert "ST_SRID(`p`) <> 4326" in finding(change, "ZD230").remedy


def test_freed_every_value_goes() -> None:
    (change,) = judged("CREATE TABLE t (p POINT NOT NULL SRID 4326)", "ALTER TABLE t MODIFY p POINT NOT NULL")
    assert_safe(change, phase=Phase.EXPAND)
    assert change.new is Verdict.CONDITIONAL


def test_manifests_that_do_not_map_it() -> None:
    (change,) = judged(
        "CREATE TABLE t (id INT, p POINT NOT NULL)",
        "ALTER TABLE t MODIFY p POINT NOT NULL SRID 4326",
        manifests=[manifest(t={"id": "INT"})],
    )
    assert_safe(change)
