"""GitHub workflow commands: one annotation an obstacle, escaped as GitHub reads them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.apps import ADD_AGE, BROKEN, DROP_NICK, App
from zdmigrate.gate import GateResult, Obstacle
from zdmigrate.report.github import render

_COMMAND = re.compile(r"::(?P<level>error|warning|notice) (?P<properties>[^:]*)::(?P<message>.*)")


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


def _commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    found = []
    for line in text.splitlines():
        match = _COMMAND.fullmatch(line)
        assert match, line
        properties = dict(item.split("=", 1) for item in match["properties"].split(","))
        found.append((match["level"], properties, match["message"]))
    return found


def test_an_obstacle_is_an_error_on_its_line(app: App) -> None:
    app.users(DROP_NICK)
    result = app.check("--format", "github")
    assert result.code == 1
    error, notice = _commands(result.out)
    level, properties, message = error
    assert level == "error"
    assert properties == {
        "file": "migrations/versions/bbbb2_change.py",
        "line": "11",
        "title": "zdmigrate ZD205 drop_column users.nick",
    }
    assert message.startswith("Old code's SELECT")
    assert "%0A2. contract: op.drop_column" in message
    assert notice[0] == "notice"
    assert notice[2].startswith("1 revision, 1 change: 1 unsafe. Change the statements")


def test_a_revision_that_cannot_be_replayed_is_an_error(app: App) -> None:
    app.users(BROKEN)
    error, _ = _commands(app.check("--format", "github").out)
    assert error[1]["title"] == "zdmigrate unknown"
    assert error[1]["line"] == "11"


def test_waivers_that_do_nothing_are_warnings_and_malformed_ones_errors(app: App) -> None:
    app.users(ADD_AGE, head="# zdmigrate: allow ZD205 until 2099-03-01 owner=ana because x\n# zdmigrate: allow")
    levels = [level for level, _, _ in _commands(app.check("--format", "github").out)]
    assert levels == ["error", "warning", "notice"]


def test_what_passes_is_one_notice(app: App) -> None:
    app.users(ADD_AGE)
    ((level, _, message),) = _commands(app.check("--format", "github").out)
    assert (level, message) == ("notice", "1 revision, 1 change: 1 safe. Run 1 revision before the deploy.")


def test_text_and_properties_are_escaped(app: App) -> None:
    app.users(ADD_AGE)
    obstacle = Obstacle("waiver", "", "50% of\r\n::error::it: a, b", "a,b:c%\nd.py", 3)
    text = render(app.made(), GateResult((obstacle,), 1))
    first = text.splitlines()[0]
    assert first == ("::error file=a%2Cb%3Ac%25%0Ad.py,line=3,title=zdmigrate waiver::50%25 of%0D%0A::error::it: a, b")
