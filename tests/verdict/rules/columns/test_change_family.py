"""ZD214: rules/columns/change_family.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import MARIADB, MYSQL, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.model import Phase, Verdict


@pytest.mark.parametrize(("was", "now"), [("INT", "VARCHAR(20)"), ("VARCHAR(20)", "INT"), ("DATETIME", "INT")])
def test_no_side_of_a_deploy_can_hold_it(was: str, now: str) -> None:
    (change,) = judged(f"CREATE TABLE t (a {was})", f"ALTER TABLE t MODIFY a {now}")
    assert_unsafe(change, phase=Phase.SPLIT)
    assert change.new is Verdict.UNSAFE
    assert f"t.a turns from {was} into {now}" in finding(change, "ZD214").reason
    assert 'op.add_column("t", sa.Column("a_new", ' in finding(change, "ZD214").remedy


@pytest.mark.parametrize(("flavour", "error"), [(MYSQL, "3140"), (MARIADB, "4025")])
def test_text_to_json(flavour: Flavour, error: str) -> None:
    (change,) = judged("CREATE TABLE t (a TEXT)", "ALTER TABLE t MODIFY a JSON", flavour=flavour)
    assert_unsafe(change)
    assert error in finding(change, "ZD214").reason


def test_json_is_text_on_mariadb() -> None:
    (change,) = judged("CREATE TABLE t (a JSON)", "ALTER TABLE t MODIFY a LONGTEXT", flavour=MARIADB)
    assert "readers-accept-any-text" in {condition.name for condition in change.conditions}
    assert finding(change, "ZD214").old is Verdict.CONDITIONAL


def test_manifests_that_do_not_map_it() -> None:
    (change,) = judged(
        "CREATE TABLE t (id INT, a INT)",
        "ALTER TABLE t MODIFY a VARCHAR(20)",
        manifests=[manifest(t={"id": "INT"})],
    )
    assert_safe(change)
