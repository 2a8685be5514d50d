"""``zdsession copy`` as a shell sees it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zdsession import SessionManager, StoreUnavailableError
from zdsession.cli import main
from zdsession.copy import Copy


@pytest.fixture
def urls(tmp_path: Path) -> list[str]:
    return [f"sqlite:///{tmp_path}/{name}.db" for name in ("old", "new")]


@pytest.fixture
def cookies(urls: list[str]) -> list[str]:
    """450 sessions in the old store."""
    sessions = SessionManager(urls[0])
    made = []
    for n in range(450):
        session = sessions.open(None)
        session["n"] = n
        session.save()
        made.append(str(session.set_cookie()).split(";")[0])
    return made


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, ["copy", *arguments])


def test_copies_and_says_what_it_did(urls: list[str], cookies: list[str]) -> None:
    assert run(*urls).output == "       450  copied\n"
    assert run(*urls).output == "       450  unchanged\n"
    assert run(ZDSESSION_FROM=urls[0], ZDSESSION_TO=urls[1]).output == "       450  unchanged\n"
    assert run("$OLD", "${NEW}", OLD=urls[0], NEW=urls[1]).output == "       450  unchanged\n"
    new = SessionManager(urls[1])
    assert [new.open(cookie)["n"] for cookie in cookies] == list(range(450))
    assert run(*urls, "--forget").output.startswith("removed 450 notes from sqlite://")


def test_an_empty_store(urls: list[str]) -> None:
    assert run(*urls).output == "no sessions\n"


def test_it_goes_on_after_it_was_stopped(
    urls: list[str], cookies: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state.json"
    whole = Copy._copy
    calls = 0

    def fails(self: Copy, record_id: str, life: str) -> object:
        nonlocal calls
        calls += 1
        if calls > 250:
            raise StoreUnavailableError("gone")
        return whole(self, record_id, life)

    monkeypatch.setattr(Copy, "_copy", fails)
    monkeypatch.setattr("zdsession.copy._PAUSES", ())
    stopped = run(*urls, "--state", str(state))
    assert stopped.exit_code == 1
    assert f"goes on from {state}" in stopped.output
    ((fate, count),) = json.loads(state.read_text())["counts"]
    assert fate == "copied"
    assert count in (199, 200), "one page, which may hold the record that names the store"
    monkeypatch.setattr(Copy, "_copy", whole)
    again = run(*urls, "--state", str(state))
    assert again.exit_code == 0
    assert "going on from" in again.output
    new = SessionManager(urls[1])
    assert [new.open(cookie)["n"] for cookie in cookies] == list(range(450))
    assert not state.exists()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"phase": "x"}', '{"phase":"copy","cursor":"","counts":[],"stores":[]}']
)
def test_a_state_that_is_none_of_this_copy(urls: list[str], tmp_path: Path, text: str) -> None:
    state = tmp_path / "state.json"
    state.write_text(text)
    answer = run(*urls, "--state", str(state))
    assert answer.exit_code == 2
    assert "state.json is" in answer.output
    assert state.read_text() == text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "Missing argument"),
        (["memory://", "memory://"], 2, "the same store"),
        (["memory://", "postgresql://u:hunter2@h/d"], 2, "no store for"),
        (["memory://", "$NOT_SET"], 2, "no environment variable NOT_SET"),
    ],
)
def test_usage(arguments: list[str], code: int, words: str) -> None:
    answer = run(*arguments)
    assert answer.exit_code == code
    assert words in answer.output
    assert "hunter2" not in answer.output


def test_a_bar_on_a_terminal_and_nowhere_else(urls: list[str], cookies: list[str]) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from zdsession.cli import main; main()", "copy", *urls]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=theirs, text=True, timeout=120, check=True, env={"TERM": "xterm"}
    )
    os.close(theirs)
    shown = os.read(ours, 100_000).decode(errors="replace")
    os.close(ours)
    assert "copying" in shown
    assert f"{len(cookies)}/{len(cookies)}" in shown
    assert done.stdout == f"       {len(cookies)}  copied\n"
