"""``docs/sessions.md`` says what the code does: its examples run, and it leaves nothing out."""

from __future__ import annotations

import base64
import dataclasses
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.zdsession.helpers import Browser
from zdsession.cli import main
from zdsession.events import _LEVELS
from zdsession.options import Options

TEXT = Path(__file__).parents[2].joinpath("docs/sessions.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("code", EXAMPLES, ids=lambda code: code.strip().splitlines()[-1].strip()[:40])
def test_examples_run(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_KEY", base64.b64encode(os.urandom(32)).decode())
    monkeypatch.setenv("ADOPTION_SECRET", "x" * 32)
    exec(compile(code, "docs/sessions.md", "exec"), {"__name__": "docs"})


def test_the_flask_example_works(redis_url: str) -> None:
    names = _run(EXAMPLES[0].replace("redis://localhost:6379/0", redis_url))
    client = names["app"].test_client()
    client.get("/add/tea")
    assert client.get("/add/milk").text == "2 in your cart"


def test_the_wsgi_example_works(mysql_url: str) -> None:
    names = _run(EXAMPLES[1].replace("mysql+pymysql://shop:secret@db/shop", mysql_url))
    browser = Browser(names["app"])
    browser.get()
    assert browser.get().body == b"visit 2"
    names["app"].sessions.store.close()


def test_every_option_is_documented() -> None:
    for field in dataclasses.fields(Options):
        assert f"| `{field.name}` |" in TEXT, field.name


def test_every_command_and_event_is_documented() -> None:
    for command in main.commands:
        assert f"zdsession {command}" in TEXT, command
    for event in _LEVELS:
        assert f"`{event}`" in TEXT, event


def test_named_tests_exist() -> None:
    for path, name in re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", TEXT):
        source = Path(__file__).with_name(path).read_text()
        assert f"def {name}(" in source if name else "def test_" in source, (path, name)


def _run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "docs"}
    exec(compile(code, "docs/sessions.md", "exec"), names)
    return names
