"""The report for people: one line a change, reasons and remedies under it, and what to do next."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.apps import ADD_AGE, ADD_REQUIRED, ALLOW_NULL, BROKEN, DROP_NICK, PARSELESS, App
from zdmigrate.gate import GateResult, run_gate
from zdmigrate.report.text import print_gate


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


def _lines(app: App, *arguments: str) -> list[str]:
    return app.run(*arguments, "--from", "aaaa1").out.splitlines()


def test_a_plan_has_one_line_a_change(app: App) -> None:
    app.users(ADD_AGE, 'op.create_index("ix", "users", ["name"])')
    lines = _lines(app, "plan")
    assert lines[0] == "mysql:8.4 · code written for the schema at aaaa1, assumed to map all of it"
    assert lines[2] == "bbbb2  revision bbbb2  expand  safe"
    assert lines[3].split(" · ") == [
        f"   11 {'safe':<12}{'add_column users.age':<44} expand", "INSTANT", "replication A", "direct"
    ]  # fmt: skip
    assert lines[4].startswith("   12 safe        create_index users.name")
    assert lines[6] == "1 revision, 2 changes: 2 safe"
    assert lines[7] == "Run 1 revision before the deploy."
    assert len(lines) == 8


def test_a_plan_gives_reasons_and_with_remedies_the_code_to_write(app: App) -> None:
    app.users(DROP_NICK)
    plain, long = app.run("plan").out, app.run("plan", "--remedies").out
    assert "1054 (Unknown column 'nick')" in plain
    assert 'contract: op.drop_column("users", "nick")' not in plain
    assert '        2. contract: op.drop_column("users", "nick")' in long.splitlines()


def test_conditions_and_proofs_are_named(app: App) -> None:
    app.users(ALLOW_NULL)
    lines = _lines(app, "plan")
    assert any(line.startswith("        if ") for line in lines)
    assert lines[-1].endswith("Check the conditions first.")


def test_what_cannot_be_replayed_says_why_and_where(app: App) -> None:
    app.users(BROKEN)
    lines = _lines(app, "plan")
    assert lines[2] == "bbbb2  revision bbbb2  neutral  unknown"
    assert lines[3].startswith("      cannot be replayed (line 11): ")
    assert "the weather is bad" in lines[3]
    assert lines[-1].endswith("Settle what is unknown first.")


def test_check_prints_only_what_stands_in_the_way_with_its_place_and_remedy(app: App) -> None:
    app.users(ADD_AGE)
    app.revision("cccc3", DROP_NICK, down="bbbb2")
    lines = _lines(app, "check")
    assert not any("add_column" in line for line in lines)
    assert "cccc3  revision cccc3  contract  unsafe" in lines
    assert "  migrations/versions/cccc3_change.py:11" in lines
    assert '        2. contract: op.drop_column("users", "nick")' in lines
    assert any(line.startswith("FAILED Change the statements named above") for line in lines)


def test_check_that_passes_is_short(app: App) -> None:
    app.users(ADD_AGE)
    assert _lines(app, "check")[1:] == [
        "", "1 revision, 1 change: 1 safe", "PASSED Run 1 revision before the deploy."
    ]  # fmt: skip


def test_a_change_with_two_obstacles_is_printed_once(app: App) -> None:
    app.users(DROP_NICK)
    plan = app.made()
    (obstacle,) = run_gate(plan).obstacles
    gate = GateResult((obstacle, replace(obstacle, kind="unknown", message="another")), 1)
    printed = StringIO()
    print_gate(Console(file=printed, width=160), plan, gate)
    assert printed.getvalue().count("drop_column users.nick") == 1


def test_the_reason_of_a_revision_that_cannot_be_replayed_is_printed_once(app: App) -> None:
    app.users(DROP_NICK, BROKEN)
    assert sum("the weather is bad" in line for line in _lines(app, "check")) == 1


@pytest.mark.parametrize("command", ["plan", "check"])
def test_no_line_ends_in_blanks(app: App, command: str) -> None:
    app.users(ADD_AGE, DROP_NICK, ADD_REQUIRED, ALLOW_NULL, PARSELESS, BROKEN, head="# zdmigrate: allow ZD1")
    extra = ["--remedies"] if command == "plan" else []
    for line in _lines(app, command, *extra):
        assert line == line.rstrip()


def test_code_in_a_remedy_keeps_its_indentation(app: App) -> None:
    app.users(ADD_REQUIRED)
    lines = _lines(app, "check")
    assert '        1. expand: op.add_column("users", sa.Column("qty", sa.Integer(), nullable=True))' in lines


def test_brackets_in_names_are_not_markup(app: App) -> None:
    app.users('op.execute("CREATE TABLE `[red]x[/red]` (id INT PRIMARY KEY)")')
    assert any("[red]x[/red]" in line for line in _lines(app, "plan"))


def test_what_is_waived_says_why(app: App) -> None:
    app.users(
        ADD_REQUIRED, DROP_NICK,
        head="# zdmigrate: allow ZD205 until 2099-03-01 owner=ana because nobody reads it",
    )  # fmt: skip
    lines = _lines(app, "check")
    assert not any("drop_column" in line for line in lines), "it no longer stands in the way"


def test_problems_of_waivers_are_notes_unless_they_fail(app: App) -> None:
    app.users(ADD_AGE, head="# zdmigrate: allow ZD205 until 2099-03-01 owner=ana because x")
    lines = _lines(app, "check")
    assert (
        "note migrations/versions/bbbb2_change.py:1 the waiver of ZD205 is needed by no finding any more; remove it"
        in lines
    )
    app.users(ADD_AGE, head="# zdmigrate: allow ZD205")
    lines = _lines(app, "check")
    assert "  migrations/versions/bbbb2_change.py:1" in lines
    assert lines[-1] == "FAILED Put the waivers named above right."


def test_evidence_is_quoted(app: App) -> None:
    app.users(DROP_NICK)
    Path("m.json").write_text(
        '{"version": "2", "heads": [], "tables": {"users": {"columns": {"id": {"type": "INTEGER"}}}}}'
    )
    lines = _lines(app, "plan", "--deployed", "m.json")
    assert lines[0].startswith("mysql:8.4 · code written for the schema at aaaa1, narrowed by manifest 2 (")
    assert any(line.startswith("      proved: manifest 2 (") for line in lines)
