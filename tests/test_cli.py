"""The command line itself: help, exit codes, streams, colour, and what a terminal does to it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.apps import ADD_AGE, BROKEN, DROP_NICK, App, assert_one_sentence
from zdmigrate import __version__
from zdmigrate.cli import main, run

ROOT = Path(__file__).parent.parent


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return App(tmp_path, monkeypatch)


def _commands() -> Iterator[tuple[str, click.Command]]:
    assert isinstance(main, click.Group)
    yield from main.commands.items()


def _parameters() -> Iterator[tuple[str, str, click.Parameter]]:
    for name, command in _commands():
        for parameter in command.params:
            longest = max(parameter.opts, key=len)
            yield name, longest, parameter


@pytest.mark.parametrize(("name", "command"), [pytest.param(*item, id=item[0]) for item in _commands()])
def test_every_command_has_help_and_is_in_the_docs(name: str, command: click.Command) -> None:
    assert command.help
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
    assert f"zdmigrate {name}" in text


@pytest.mark.parametrize(
    ("command", "option", "parameter"),
    [pytest.param(*item, id=f"{item[0]} {item[1]}") for item in _parameters()],
)
def test_every_option_has_help(command: str, option: str, parameter: click.Parameter) -> None:
    if isinstance(parameter, click.Option):
        assert parameter.help, f"{command} {option}"


@pytest.mark.parametrize("command", ["plan", "check", "manifest", "explain"])
def test_every_option_of_judging_is_in_the_docs(command: str) -> None:
    text = (ROOT / "docs" / "migrations.md").read_text(encoding="utf-8")
    missing = [option for name, option, item in _parameters() if name == command and isinstance(item, click.Option)
               and option not in text]  # fmt: skip
    assert not missing


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_says_what_exit_codes_mean(app: App, flag: str) -> None:
    result = app.run(flag)
    assert result.code == 0
    assert "Exit codes: 0 passed, 1 findings" in " ".join(result.out.split())
    for name, _ in _commands():
        assert name in result.out


def test_the_version(app: App) -> None:
    assert app.run("--version").out == f"zdmigrate, version {__version__}\n"


def test_importing_the_command_line_imports_nothing_heavy() -> None:
    heavy = ("sqlalchemy", "alembic", "rich", "msgspec", "sqlglot", "pymysql")
    code = f"import sys, zdmigrate.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_run_gives_the_exit_code(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.users(DROP_NICK)
    assert run(["check", "--from", "aaaa1"]) == 1
    assert run(["plan", "--from", "aaaa1"]) == 0
    assert run(["plan", "--from", "zzzz9"]) == 2
    assert run(["plan", "--no-such-option"]) == 2
    assert "FAILED" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("plan", "--nonsense"),
        ("check", "--format", "xml"),
        ("check", "--fail-on", "safe"),
        ("plan", "x"),
    ],
)
def test_a_command_line_that_cannot_be(app: App, arguments: tuple[str, ...]) -> None:
    result = app.run(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert "Traceback" not in result.err


def test_plan_exits_0_whatever_it_finds(app: App) -> None:
    app.users(DROP_NICK, BROKEN)
    for format_ in ("text", "json", "markdown"):
        assert app.run("plan", "--format", format_).code == 0


@pytest.mark.parametrize("format_", ["text", "json", "sarif", "github", "markdown"])
def test_output_goes_to_a_file(app: App, format_: str) -> None:
    app.users(DROP_NICK)
    printed = app.check("--format", format_)
    written = app.check("--format", format_, "--output", "report.out")
    assert (written.code, written.out) == (1, "")
    assert Path("report.out").read_text(encoding="utf-8") == printed.out


@pytest.mark.parametrize("command", ["plan", "check"])
@pytest.mark.parametrize("format_", ["text", "json", "markdown"])
def test_output_that_cannot_be_written(app: App, command: str, format_: str) -> None:
    app.users(DROP_NICK)
    target = "no/such/report"
    assert_one_sentence(app.run(command, "--format", format_, "--output", target), f"cannot write {target}")


def test_a_revision_that_prints_does_not_spoil_the_document(app: App) -> None:
    app.users('print("hello")', "import sys", 'sys.stdout.write("hello")', ADD_AGE)
    assert app.plan()["schema_version"] == 1


def test_a_process_of_its_own_ends_with_the_exit_code_and_clean_streams(app: App) -> None:
    app.users(DROP_NICK)
    process = app.process("check", "--from", "aaaa1", "--format", "json")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")
    assert json.loads(out)["gate"]["exit_code"] == 1
    process = app.process("check", "--from", "zzzz9")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err.startswith("zdmigrate: 'zzzz9' is no revision of")


def test_text_has_no_colour_in_a_pipe(app: App) -> None:
    app.users(DROP_NICK)
    assert "\x1b" not in app.check().out


@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_gets_colour_unless_told_not_to(app: App, no_color: bool) -> None:
    app.users(DROP_NICK)
    env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    env |= {"TERM": "xterm-256color", "COLUMNS": "100"} | ({"NO_COLOR": "1"} if no_color else {})
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "zdmigrate", "check", "--from", "aaaa1"]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, env=env) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux says EIO when the other end has closed
                break
            if not part:
                break
            seen += part
        os.close(ours)
    assert process.returncode == 1
    assert b"FAILED" in seen
    coloured = any(f"\x1b[{code}".encode() in seen for code in ("31", "1;31", "36", "1;36"))
    assert coloured is not no_color


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_reader_that_goes_away_gets_no_traceback(app: App, format_: str) -> None:
    app.users(*[f'op.add_column("users", sa.Column("c{n}", sa.Integer, nullable=False))' for n in range(150)])
    process = app.process("plan", "--format", format_)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=60) == 141


def test_ctrl_c_ends_it_with_one_line(app: App) -> None:
    app.users('open("started", "w").close()', "while True:", "    pass")
    process = app.process("plan")
    deadline = time.monotonic() + 30
    while not Path("started").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "zdmigrate: interrupted\n")
