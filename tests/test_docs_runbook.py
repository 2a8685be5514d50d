"""docs/runbook.md quotes what the tools print: each message stands in the source, each command it names is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from zdmigrate.cli import main
from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.errors import AbortedError, NeedsPersonError, RefusedError

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
#: What differs from run to run: the names the page uses for it, and the sign for the rest.
_VARIES = re.compile(r"\b(?:db1|db2|0002:0|0002)\b|…")


def messages() -> list[str]:
    """The first cells of the tables whose first column is what "it says"."""
    found: list[str] = []
    inside = False
    for line in PAGE.splitlines():
        cell = line.split("|")[1].strip() if line.startswith("|") else ""
        inside = bool(cell) and (inside or cell == "it says")
        if inside and "`" in cell:
            text = re.match(r"(`+) ?(.+?) ?\1", cell)
            assert text is not None, cell
            found.append(text[2])
    return found


@cache
def templates() -> tuple[str, ...]:
    """Every text of the source; … where an f-string puts a value in."""
    found = set()
    for path in ROOT.glob("zdmigrate/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Constant(value=str(text)):
                    found.add(text)
                case ast.JoinedStr(values=parts):
                    found.add("".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts))
    return tuple(found)


def stands_in(message: str, template: str) -> bool:
    at = 0
    for part in filter(None, (part.strip() for part in _VARIES.split(message))):
        at = template.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def test_the_page_has_messages() -> None:
    assert len(messages()) > 30


@pytest.mark.parametrize("message", messages())
def test_a_message_stands_in_the_source(message: str) -> None:
    fixed = max(_VARIES.split(message), key=len)
    assert len(fixed.strip()) >= 10, "too little of it is fixed to be looked for"
    assert any(stands_in(message, template) for template in templates())


def test_other_words_would_be_noticed() -> None:
    assert not any(stands_in("given up, and db1 is as it was before: …", template) for template in templates())


@pytest.mark.parametrize("error", [ZdmigrateError, RefusedError, AbortedError, NeedsPersonError])
def test_exit_codes_are_told(error: type[ZdmigrateError]) -> None:
    assert f"| {error.exit_code} |" in PAGE


def test_commands_and_options_are_there() -> None:
    for name, options in re.findall(r"`zdmigrate ([a-z-]+)([^`]*)`", PAGE):
        command = main.commands[name]
        known = {option for item in command.params for option in item.opts}
        assert set(re.findall(r"--[a-z-]+", options)) <= known, name
