"""SARIF 2.1.0: what the specification requires, and what a code-scanning dashboard needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.apps import ADD_AGE, ADD_REQUIRED, ALLOW_NULL, BROKEN, DROP_NICK, App
from zdmigrate.gate import run_gate
from zdmigrate.report.sarif import render

WAIVER = "# zdmigrate: allow ZD205 until 2099-03-01 owner=ana because nobody reads it"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


def _run(app: App) -> Any:
    result = app.check("--format", "sarif")
    log = result.json
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (found,) = log["runs"]
    return found


def test_what_the_specification_requires_is_there(app: App) -> None:
    app.users(ADD_AGE, DROP_NICK, ADD_REQUIRED, ALLOW_NULL, BROKEN, head="# zdmigrate: allow ZD1")
    found = _run(app)
    driver = found["tool"]["driver"]
    assert driver["name"] == "zdmigrate"
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
    assert len(found["results"]) >= 5
    for result in found["results"]:
        assert result["ruleId"] in ids
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "migrations/versions/bbbb2_change.py"
        assert place["region"]["startLine"] > 0
        assert len(result["partialFingerprints"]["zdmigrate/v1"]) == 64


def test_levels_follow_verdicts_and_safe_changes_are_left_out(app: App) -> None:
    app.users(ADD_AGE, ALLOW_NULL)
    assert {item["level"] for item in _run(app)["results"]} == {"warning"}
    app.users(DROP_NICK)
    (result,) = _run(app)["results"]
    assert (result["level"], result["ruleId"]) == ("error", "ZD205")
    assert result["properties"] == {"phase": "contract", "verdict": "unsafe", "change": "bbbb2:0"}


def test_what_is_waived_is_suppressed_with_its_reason(app: App) -> None:
    app.users(DROP_NICK, head=WAIVER)
    (result,) = _run(app)["results"]
    assert result["suppressions"] == [{"kind": "inSource", "justification": "nobody reads it (ana, until 2099-03-01)"}]


def test_what_the_baseline_accepts_is_suppressed_from_outside(app: App) -> None:
    app.users(DROP_NICK)
    app.check("--write-baseline", "base.json")
    app.settings("baseline = base.json")
    (result,) = _run(app)["results"]
    assert result["suppressions"] == [{"kind": "external", "justification": "accepted by the baseline"}]


def test_a_clean_run_has_no_results(app: App) -> None:
    app.users(ADD_AGE)
    assert _run(app)["results"] == []


def test_addresses_are_escaped_and_stay_relative(app: App) -> None:
    path = app.users(DROP_NICK)
    path.rename(path.with_name("bbbb2 50% größer #1.py"))
    (result,) = _run(app)["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "migrations/versions/bbbb2%2050%25%20gr%C3%B6%C3%9Fer%20%231.py"


def test_a_file_elsewhere_is_an_absolute_address(app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    app.users(DROP_NICK)
    plan = app.made()
    monkeypatch.chdir("/")
    monkeypatch.chdir(Path(__file__).parent)
    (result,) = json.loads(render(plan, run_gate(plan)))["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == (app.versions / "bbbb2_change.py").as_uri()


def test_the_fingerprint_survives_a_move_of_the_line(app: App) -> None:
    app.users(DROP_NICK)
    (first,) = _run(app)["results"]
    app.users("pass", "pass", DROP_NICK)
    (second,) = _run(app)["results"]
    assert first["locations"] != second["locations"]
    assert first["partialFingerprints"] == second["partialFingerprints"]
