"""Markdown for a pull-request comment: a table that renders, whatever the names hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps import ADD_AGE, ADD_REQUIRED, BROKEN, DROP_NICK, App


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


def _rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.replace("\\|", "\0").strip("|").split("|")] for line in lines]


def test_a_check_has_a_heading_a_table_and_details(app: App) -> None:
    app.users(ADD_AGE, DROP_NICK)
    text = app.check("--format", "markdown").out
    assert text.startswith("### Migrations: failed\n")
    header, rule, *rows = _rows(text)
    assert {len(row) for row in (header, rule, *rows)} == {7}
    assert rows[0] == ["`bbbb2`", "11", "add_column users.age", "expand", "✅ safe", "INSTANT", "direct"]
    assert rows[1][4] == "❌ unsafe"
    assert text.count("<details>") == text.count("</details>") == 1
    assert "**ZD205** Old code's SELECT" in text
    assert text.count("```") == 2
    assert text.splitlines()[-1].startswith("Split the revisions named above")


def test_what_passes_says_so(app: App) -> None:
    app.users(ADD_AGE)
    text = app.check("--format", "markdown").out
    assert text.startswith("### Migrations: passed\n")
    assert "<details>" not in text


def test_a_plan_has_no_outcome(app: App) -> None:
    app.users(DROP_NICK)
    assert app.run("plan", "--format", "markdown").out.startswith("### Migration plan\n")


def test_nothing_pending_has_no_table(app: App) -> None:
    app.users(DROP_NICK)
    text = app.run("plan", "--format", "markdown", "--from", "bbbb2").out
    assert "|" not in text
    assert "Nothing is pending." in text


def test_what_cannot_be_replayed_is_a_row(app: App) -> None:
    app.users('raise RuntimeError("a | b <b>")')
    row = _rows(app.check("--format", "markdown").out)[2]
    assert len(row) == 7
    assert "a \0 b &lt;b&gt;" in row[2]
    assert row[4] == "❔ unknown"


def test_names_cannot_break_the_table_or_the_page(app: App) -> None:
    app.users('op.execute("CREATE TABLE `a|b<script>` (id INT PRIMARY KEY)")', 'op.execute("DROP TABLE users")', BROKEN)
    text = app.check("--format", "markdown").out
    assert "<script>" not in text
    assert {len(row) for row in _rows(text)} == {7}


def test_problems_of_waivers_are_listed(app: App) -> None:
    app.users(ADD_REQUIRED, head="# zdmigrate: allow")
    text = app.check("--format", "markdown").out
    assert "- `migrations/versions/bbbb2_change.py:1` this waiver cannot be read" in text
