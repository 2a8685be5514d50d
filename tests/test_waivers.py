"""Waivers: what they accept, and what is said of one that accepts nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.apps import ADD_AGE, BROKEN, DROP_NICK, App
from zdmigrate.gate import run_gate
from zdmigrate.verdict.model import Phase, Verdict
from zdmigrate.waivers import apply_waivers, read_waivers

TODAY = date(2027, 1, 15)
VALID = "# zdmigrate: allow ZD205 until 2099-03-01 owner=ana because nobody reads it since 2.4"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


def _file(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "revision.py"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def test_every_part_of_a_waiver_is_read(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        "revision = 'x'",
        "x = 1  # zdmigrate: allow ZD203 on users.nick until 2027-03-01 owner=ana because no node is older than 2.4",
    )
    (waiver,), problems = read_waivers(path)
    assert not problems
    assert (waiver.rule, waiver.object, waiver.until, waiver.owner) == ("ZD203", "users.nick", date(2027, 3, 1), "ana")
    assert waiver.reason == "no node is older than 2.4"
    assert (waiver.path, waiver.line) == (path, 2)


def test_case_and_blanks_do_not_matter(tmp_path: Path) -> None:
    (waiver,), _ = read_waivers(
        _file(tmp_path, "#ZDMIGRATE:  Allow zd203   until 2027-03-01  owner=ana  because  of that  ")
    )
    assert (waiver.rule, waiver.reason) == ("ZD203", "of that")


@pytest.mark.parametrize(
    "text",
    [
        "allow",
        "allow ZD203",
        "allow ZD203 until 2027-03-01",
        "allow ZD203 until 2027-03-01 owner=ana",
        "allow ZD203 until 2027-03-01 owner=ana because",
        "allow ZD203 until 2027-03-01 because there is no owner",
        "allow ZD203 owner=ana because it never expires",
        "allow ZD203 until 2027-02-30 owner=ana because there is no such day",
        "allow ZD203 until soon owner=ana because it is no day",
        "allow ZD2 until 2027-03-01 owner=ana because it is no rule",
        "allow everything until 2027-03-01 owner=ana because it is no rule",
    ],
)
def test_a_waiver_that_cannot_be_read_is_a_problem_that_fails(tmp_path: Path, text: str) -> None:
    waivers, (problem,) = read_waivers(_file(tmp_path, "", f"# zdmigrate: {text}"))
    assert not waivers
    assert problem.fails
    assert problem.line == 2
    assert "cannot be read; write `# zdmigrate: allow ZD203 [on table.column] until" in problem.message


def test_a_waiver_in_a_string_is_none(tmp_path: Path) -> None:
    assert read_waivers(_file(tmp_path, f'text = """{VALID}"""')) == ([], [])


@pytest.mark.parametrize("content", [b"def (", b"\xff\xfe\x00", b"# coding: nonsense\n", b"'''"])
def test_a_file_that_is_no_python_has_no_waivers(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "revision.py"
    path.write_bytes(content)
    assert read_waivers(str(path)) == ([], [])
    assert read_waivers(str(tmp_path / "missing.py")) == ([], [])


def test_a_valid_waiver_accepts_its_finding(app: App) -> None:
    app.users(DROP_NICK, head=VALID)
    result = app.check("--format", "json")
    assert result.code == 0
    (change,) = result.json["revisions"][0]["changes"]
    assert change["verdict"] == "safe"
    (finding,) = change["findings"]
    assert finding["verdict"] == "unsafe", "what was found stays visible"
    assert finding["waived"] == "nobody reads it since 2.4 (ana, until 2099-03-01)"
    assert result.json["waivers"] == []


def test_a_waiver_is_good_on_its_last_day_and_not_after(app: App) -> None:
    app.users(DROP_NICK, head=VALID.replace("2099-03-01", str(TODAY)))
    accepted, problems = apply_waivers(app.made(), TODAY)
    assert run_gate(accepted).passed
    assert not problems
    rejected, (problem,) = apply_waivers(app.made(), date(2027, 1, 16))
    assert run_gate(rejected).exit_code == 1
    assert problem.message == "the waiver of ZD205 by ana expired on 2027-01-15; review it again or remove it"
    assert not problem.fails


def test_an_expired_waiver_of_nothing_is_reported_but_stops_only_the_strict_threshold(app: App) -> None:
    app.users("pass", head=VALID.replace("2099", "2020"))
    assert app.check().code == 0
    assert "expired on 2020-03-01" in app.check().out
    assert app.check("--fail-on", "conditional").code == 1


def test_a_waiver_that_matches_nothing_is_reported(app: App) -> None:
    app.users(DROP_NICK, head=VALID.replace("ZD205", "ZD203"))
    result = app.check("--format", "json")
    assert result.code == 1
    (problem,) = result.json["waivers"]
    assert problem["message"] == "the waiver of ZD203 is needed by no finding any more; remove it"
    assert problem["line"] == 1
    assert problem["fails"] is False


def test_a_malformed_waiver_fails_even_where_nothing_else_does(app: App) -> None:
    app.users("pass", head="# zdmigrate: allow ZD205 because I say so")
    result = app.check("--format", "json")
    assert result.code == 1
    (obstacle,) = result.json["gate"]["obstacles"]
    assert obstacle["kind"] == "waiver"
    assert obstacle["line"] == 1


@pytest.mark.parametrize(
    ("limit", "code"),
    [("users.nick", 0), ("users", 0), ("USERS.Nick", 0), ("users.name", 1), ("orders", 1), ("nick", 1)],
)
def test_a_waiver_may_be_limited_to_a_table_or_column(app: App, limit: str, code: int) -> None:
    app.users(DROP_NICK, head=VALID.replace("ZD205", f"ZD205 on {limit}"))
    assert app.check().code == code


def test_a_limited_waiver_does_not_cover_another_column_in_the_same_statement(app: App) -> None:
    both = 'op.execute("ALTER TABLE users DROP COLUMN nick, DROP COLUMN name")'
    app.users(both, head=VALID.replace("ZD205", "ZD205 on users.nick"))
    assert app.check().code == 1
    app.users(both, head=VALID)
    assert app.check().code == 0


def test_a_waiver_covers_only_its_own_revision(app: App) -> None:
    app.users("pass", head=VALID)
    app.revision("cccc3", DROP_NICK, down="bbbb2")
    assert app.check().code == 1


def test_a_waiver_of_zd900_accepts_a_revision_that_cannot_be_replayed(app: App) -> None:
    app.users(BROKEN, head=VALID.replace("ZD205", "ZD900"))
    result = app.check("--format", "json")
    assert result.code == 0
    assert result.json["revisions"][0]["replay_error"]["waived"].startswith("nobody reads it")


def test_waiving_changes_verdict_and_phase_of_the_change_and_its_revision(app: App) -> None:
    app.users(DROP_NICK, head=VALID)
    before = app.made().revisions[0]
    (after,) = apply_waivers(app.made(), TODAY)[0].revisions
    assert (before.verdict, before.phase) == (Verdict.UNSAFE, Phase.CONTRACT)
    assert (after.verdict, after.phase) == (Verdict.SAFE, Phase.NEUTRAL)


def test_a_waiver_of_what_is_safe_anyway_is_reported(app: App) -> None:
    app.users(ADD_AGE, head="# zdmigrate: allow ZD201 until 2099-03-01 owner=ana because it once had no default")
    (problem,) = app.run("check", "--from", "aaaa1", "--format", "json").json["waivers"]
    assert problem["message"] == "the waiver of ZD201 is needed by no finding any more; remove it"
