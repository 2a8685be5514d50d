"""The baseline: the past is accepted as it was, and judged again when it changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.apps import ADD_AGE, BROKEN, DROP_NICK, PARSELESS, App, assert_one_sentence
from zdmigrate.baseline import apply_baseline, read_baseline, write_baseline
from zdmigrate.gate import run_gate

FILE = "zdmigrate-baseline.json"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


def test_what_is_written_is_accepted(app: App) -> None:
    app.users(DROP_NICK, ADD_AGE)
    assert app.check().code == 1
    written = app.check("--write-baseline", FILE)
    assert written.code == 0
    assert written.out == f"{FILE}: 1 findings accepted\n"
    result = app.check("--baseline", FILE, "--format", "json")
    assert result.code == 0
    drop = result.json["revisions"][0]["changes"][0]
    assert drop["findings"][0]["waived"] == "accepted by the baseline"


def test_the_setting_names_it_too(app: App) -> None:
    app.users(DROP_NICK)
    app.check("--write-baseline", FILE)
    app.settings(f"baseline = {FILE}")
    assert app.check().code == 0


def test_a_changed_statement_is_judged_again(app: App) -> None:
    app.users(DROP_NICK)
    app.check("--write-baseline", FILE)
    app.users('op.drop_column("users", "name")')
    assert app.check("--baseline", FILE).code == 1


def test_a_new_revision_is_judged(app: App) -> None:
    app.users(DROP_NICK)
    app.check("--write-baseline", FILE)
    app.revision("cccc3", 'op.drop_column("users", "name")', down="bbbb2")
    assert app.check("--baseline", FILE).code == 1


@pytest.mark.parametrize("upgrade", [BROKEN, PARSELESS])
def test_the_unknown_is_accepted_too(app: App, upgrade: str) -> None:
    app.users(upgrade)
    assert app.check().code == 3
    app.check("--write-baseline", FILE)
    assert app.check("--baseline", FILE).code == 0


def test_a_clean_history_writes_an_empty_file(app: App) -> None:
    app.users(ADD_AGE)
    assert write_baseline(Path(FILE), app.made()) == 0
    assert json.loads(Path(FILE).read_text()) == {"accepted": [], "format": 1}


def test_writing_twice_gives_the_same_file(app: App) -> None:
    app.users(DROP_NICK)
    app.check("--write-baseline", FILE)
    first = Path(FILE).read_bytes()
    app.check("--write-baseline", FILE, "--baseline", FILE)
    assert Path(FILE).read_bytes() == first
    assert first.endswith(b"}\n")


def test_applying_an_empty_baseline_changes_nothing(app: App) -> None:
    app.users(DROP_NICK)
    Path(FILE).write_text('{"accepted": [], "format": 1}')
    plan = app.made()
    assert run_gate(apply_baseline(plan, read_baseline(Path(FILE)))) == run_gate(plan)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not a baseline"),
        ("[]", "is not a baseline"),
        ("", "is not a baseline"),
        ('{"accepted": [{"revision": 1}]}', "is not a baseline"),
        ('{"accepted": [], "format": 99}', "has format 99, this zdrelease reads up to 1: upgrade it"),
    ],
)
def test_a_file_that_is_no_baseline(app: App, content: str, words: str) -> None:
    app.users(ADD_AGE)
    Path(FILE).write_text(content)
    assert_one_sentence(app.check("--baseline", FILE), FILE, words)


def test_a_baseline_that_is_not_text(app: App) -> None:
    app.users(ADD_AGE)
    Path(FILE).write_bytes(b"\xff\xfe\x00{")
    assert_one_sentence(app.check("--baseline", FILE), "is not a baseline")


def test_a_baseline_that_is_not_there(app: App) -> None:
    app.users(ADD_AGE)
    assert_one_sentence(app.check("--baseline", "nope.json"), "cannot read baseline nope.json")


def test_a_baseline_that_cannot_be_written(app: App) -> None:
    app.users(ADD_AGE)
    assert_one_sentence(app.check("--write-baseline", "no/such/folder.json"), "cannot write baseline")
