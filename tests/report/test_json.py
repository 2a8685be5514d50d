"""The JSON document: schema version 1, as DESIGN's Contracts fix it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.apps import ADD_AGE, ADD_REQUIRED, ALLOW_NULL, BROKEN, DROP_NICK, PARSELESS, App
from zdmigrate.report.json import SCHEMA_VERSION, document

_VERDICT = {"safe", "conditional", "unsafe", "unknown"}
_PHASE = {"expand", "migrate", "contract", "neutral", "split"}


class _Text:
    """Any text that is not empty, for `_matches`."""


#: DESIGN's schema: a type, a set of values, a tuple of alternatives, or a nested schema.
_FINDING = {
    "rule": str, "verdict": _VERDICT, "reason": _Text, "remedy": str, "waived": (str, None),
}  # fmt: skip
_CONDITION = {"id": _Text, "name": _Text, "kind": {"data", "code", "workload", "order", "person"}, "text": _Text,
              "proof": (str, None), "met": (bool, None), "evidence": (str, None)}  # fmt: skip
_SIDE = {"verdict": _VERDICT, "conditions": [_CONDITION]}
_CHANGE = {
    "index": int,
    "line": int,
    "source": _Text,
    "sql": _Text,
    "id": _Text,
    "kind": _Text,
    "table": (str, None),
    "column": (str, None),
    "phase": _PHASE,
    "old_code": _SIDE,
    "new_code": _SIDE,
    "findings": [_FINDING],
    "cost": {"algorithm": _Text, "lock": _Text, "rebuild": bool, "basis": {"table", "server", "assumed"}},
    "replication": {"class": _Text, "reason": str},
    "strategy": {"direct", "batches", "replica-first", "refuse"},
}
_REVISION = {
    "revision": _Text,
    "down_revision": (str, list, None),
    "path": _Text,
    "message": str,
    "phase": _PHASE | {"mixed"},
    "declared": (str, None),
    "data_dependent": bool,
    "verdict": _VERDICT,
    "replay_error": (dict, None),
    "changes": [_CHANGE],
}
_DOCUMENT = {
    "schema_version": int,
    "target": {"flavour": {"mysql", "mariadb"}, "version": _Text},
    "summary": {
        "safe": int,
        "conditional": int,
        "unsafe": int,
        "unknown": int,
        "phases": {"expand": int, "migrate": int, "contract": int},
    },
    "revisions": [_REVISION],
}


def _matches(value: Any, wanted: Any, where: str = "$") -> None:
    if isinstance(wanted, dict):
        assert isinstance(value, dict), where
        for name, inner in wanted.items():
            assert name in value, f"{where} has no {name}"
            _matches(value[name], inner, f"{where}.{name}")
    elif isinstance(wanted, list):
        assert isinstance(value, list), where
        for number, item in enumerate(value):
            _matches(item, wanted[0], f"{where}[{number}]")
    elif isinstance(wanted, set):
        assert value in wanted, (where, value)
    elif isinstance(wanted, tuple):
        kinds = tuple(type(None) if kind is None else kind for kind in wanted)
        assert isinstance(value, kinds), (where, value)
    elif wanted is _Text:
        assert isinstance(value, str), (where, value)
        assert value, where
    else:
        assert type(value) is wanted, (where, value)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


def _everything(app: App) -> None:
    app.users(ADD_AGE, DROP_NICK, ADD_REQUIRED, ALLOW_NULL, PARSELESS)
    app.revision("cccc3", 'op.execute("UPDATE users SET name = 1")', BROKEN, down="bbbb2")
    app.revision("dddd4", 'op.drop_table("users")', down="cccc3", head="# zdmigrate: phase contract")
    app.revision("eeee5", down="aaaa1")
    app.revision("ffff6", down=("dddd4", "eeee5"))


@pytest.mark.parametrize("target", ["mysql:5.7", "mysql:9.7", "mariadb:10.11"])
def test_every_field_of_the_contract_is_there(app: App, target: str) -> None:
    _everything(app)
    for result in (app.run("plan", "--format", "json", "--target", target),
                   app.check("--format", "json", "--target", target)):  # fmt: skip
        _matches(result.json, _DOCUMENT)
        assert result.json["schema_version"] == SCHEMA_VERSION == 1
        assert result.out.endswith("}\n")


def test_the_summary_counts_changes_by_verdict_and_revisions_by_phase(app: App) -> None:
    _everything(app)
    found = app.plan("--from", "aaaa1")
    changes = [change for item in found["revisions"] for change in item["changes"]]
    errors = [item for item in found["revisions"] if item["replay_error"]]
    for verdict in _VERDICT:
        count = sum(change["verdict"] == verdict for change in changes)
        assert found["summary"][verdict] == count + (len(errors) if verdict == "unknown" else 0)
    assert len(errors) == 1
    assert sum(found["summary"]["phases"].values()) == found["summary"]["revisions"] == 5


def test_a_revision_says_where_it_stands(app: App) -> None:
    _everything(app)
    revisions = {item["revision"]: item for item in app.plan()["revisions"]}
    assert revisions["aaaa1"]["down_revision"] is None
    assert revisions["bbbb2"]["down_revision"] == "aaaa1"
    assert revisions["ffff6"]["down_revision"] == ["dddd4", "eeee5"]
    assert revisions["bbbb2"]["path"] == "migrations/versions/bbbb2_change.py"
    assert revisions["bbbb2"]["message"] == "revision bbbb2"
    assert revisions["dddd4"]["declared"] == "contract"
    error = revisions["cccc3"]["replay_error"]
    assert (error["kind"], error["waived"]) == ("raised", None)
    assert error["path"] == "migrations/versions/cccc3_change.py"
    assert "the weather is bad" in error["message"]


def test_a_change_says_what_it_is(app: App) -> None:
    path = app.users(ADD_AGE, 'op.execute("TRUNCATE TABLE users")')
    add, empty = app.plan("--from", "aaaa1")["revisions"][0]["changes"]
    assert (add["id"], add["index"], add["source"]) == ("bbbb2:0", 0, "op.add_column")
    assert (add["kind"], add["table"], add["column"]) == ("add_column", "users", "age")
    assert add["sql"] == "ALTER TABLE users ADD COLUMN age INTEGER"
    assert "add_column" in path.read_text().splitlines()[add["line"] - 1]
    assert (empty["id"], empty["source"], empty["kind"]) == ("bbbb2:1", "op.execute", "truncate_table")


def test_the_order_of_a_deploy_is_said_for_new_code(app: App) -> None:
    app.users(ADD_AGE)
    (change,) = app.plan("--from", "aaaa1")["revisions"][0]["changes"]
    assert change["old_code"]["verdict"] == "safe"
    assert change["new_code"]["verdict"] == "unsafe"
    assert change["phase"] == "expand"


def test_a_condition_has_an_id_to_accept_it_by(app: App) -> None:
    app.users(ALLOW_NULL)
    (change,) = app.plan("--from", "aaaa1")["revisions"][0]["changes"]
    assert change["old_code"]["conditions"]
    for condition in change["old_code"]["conditions"]:
        assert condition["id"] == f"bbbb2:0/{condition['name']}"
        assert condition["met"] is None


def test_the_gate_is_part_of_what_check_says(app: App) -> None:
    app.users(DROP_NICK)
    found = app.check("--format", "json").json
    (obstacle,) = found["gate"]["obstacles"]
    assert obstacle["kind"] == "unsafe"
    assert (obstacle["revision"], obstacle["change"]) == ("bbbb2", "bbbb2:0")
    assert obstacle["path"] == "migrations/versions/bbbb2_change.py"
    assert found["waivers"] == []
    assert "gate" not in app.plan()


def test_paths_outside_the_current_directory_stay_absolute(
    app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app.users(ADD_AGE)
    plan = app.made()
    below = tmp_path / "elsewhere"
    below.mkdir()
    monkeypatch.chdir(below)
    (revision,) = document(plan)["revisions"]
    assert revision["path"] == str(app.versions / "bbbb2_change.py")
