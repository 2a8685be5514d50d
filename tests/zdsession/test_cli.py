"""``zdsession inspect | revoke | gc``."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from zdsession import SessionManager
from zdsession.cli import main
from zdsession.stores.sql import SWEEP_MARGIN_MS


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/s.db"


@pytest.fixture
def sessions(url: str) -> SessionManager:
    return SessionManager(url)


def begin(sessions: SessionManager, user: str | None = None) -> str:
    session = sessions.open(None)
    session["cart"] = ["secret tea"]
    session.user_id = user
    session.save()
    return session.id


def run(url: str, *arguments: str) -> Result:
    return CliRunner(env={"ZDSESSION_STORE": url}).invoke(main, arguments)


def test_inspect(url: str, sessions: SessionManager) -> None:
    session_id = begin(sessions, "ann")
    shown = run(url, "inspect", session_id)
    assert shown.exit_code == 0
    assert session_id in shown.output
    assert "ann" in shown.output
    assert "cart" in shown.output
    assert "tea" not in shown.output
    assert "119 min left" in shown.output or "120 min left" in shown.output
    listed = run(url, "inspect", "--user", "ann")
    assert session_id in listed.output
    assert "1 live session of ann" in listed.output
    assert "0 live sessions of bob" in run(url, "inspect", "--user", "bob").output


def test_revoke(url: str, sessions: SessionManager) -> None:
    one = begin(sessions, "ann")
    for _ in range(2):
        begin(sessions, "ann")
    assert run(url, "revoke", one).output == f"ended {one}\n"
    again = run(url, "revoke", one)
    assert (again.exit_code, again.output) == (1, f"Error: no session {one}\n")
    assert run(url, "revoke", "--user", "ann").output == "ended 2 sessions of ann\n"
    assert run(url, "inspect", one).exit_code == 1


def test_gc(url: str) -> None:
    now = 1_000_000_000_000
    old = SessionManager(url, clock=lambda: now)
    for _ in range(5):
        begin(old)
    assert now + SWEEP_MARGIN_MS < 1_700_000_000_000
    assert run(url, "gc", "--batch", "2", "--most", "3").output == "removed 3 expired sessions\n"
    assert run(url, "gc", "--batch", "2").output == "removed 2 expired sessions\n"


@pytest.mark.parametrize("verb", ["inspect", "revoke"])
@pytest.mark.parametrize("arguments", [[], ["--user", "ann", "a" * 64], ["not-hex"], ["A" * 64]])
def test_usage(url: str, verb: str, arguments: list[str]) -> None:
    assert run(url, verb, *arguments).exit_code == 2


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("mysql+pymysql://root:hunter2@127.0.0.1:1/shop", 1),
        ("redis://:hunter2@127.0.0.1:1/0", 1),
        ("postgresql://u:hunter2@db/shop", 2),
        ("redis://:hunter2@127.0.0.1:port/0", 2),
        ("mysql+pymysql://root:hunter2@127.0.0.1:port/shop", 2),
        ("hunter2", 2),
    ],
)
def test_no_password_is_shown(url: str, code: int) -> None:
    for how in (run(url, "revoke", "--user", "ann"), run("memory://", "revoke", "--store", url, "--user", "ann")):
        assert how.exit_code == code
        assert "hunter2" not in how.output
        assert "Error: " in how.output


def test_a_store_must_be_named() -> None:
    answer = CliRunner().invoke(main, ["gc"])
    assert answer.exit_code == 2
    assert "ZDSESSION_STORE" in answer.output


def test_every_command_has_help() -> None:
    assert CliRunner().invoke(main, ["--help"]).exit_code == 0
    for name, command in main.commands.items():
        assert command.help, name
        assert all(option.help for option in command.params if isinstance(option, click.Option)), name
