"""ZD204: rules/columns/add_auto_increment.py."""

from __future__ import annotations

from tests.verdict.support import finding, judged, manifest
from zdmigrate.verdict.model import Phase, Verdict


def test_servers_number_the_existing_rows_by_themselves() -> None:
    (change,) = judged(
        "CREATE TABLE log (line TEXT)", "ALTER TABLE log ADD id INT NOT NULL AUTO_INCREMENT, ADD KEY (id)"
    )
    said = finding(change, "ZD204")
    assert said.old is Verdict.CONDITIONAL
    assert [condition.name for condition in said.conditions] == ["rows-numbered-alike"]
    assert "LAST_INSERT_ID" in said.reason
    assert said.phase is Phase.CONTRACT


def test_no_manifest_maps_the_table() -> None:
    (change,) = judged(
        "CREATE TABLE log (line TEXT)",
        "ALTER TABLE log ADD id INT NOT NULL AUTO_INCREMENT, ADD KEY (id)",
        manifests=[manifest(users={"id": "INT"})],
    )
    assert finding(change, "ZD204").old is Verdict.SAFE
