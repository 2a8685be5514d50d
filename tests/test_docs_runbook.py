"""docs/runbook.md quotes what the tools print: each message stands in the source, each command it names is there.

Of `zdmigrate release` the other way round, too: whatever it may end with is on the page, or listed here.
"""

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
_VARIES = re.compile(r"\b(?:db1|db2|web1|0002:0|0002|1\.0|2\.0)\b|…")
RELEASE = ROOT / "zdmigrate" / "run" / "release"
#: What ends a release with 4, 5 or 6.
_ENDS = frozenset({"RefusedError", "AbortedError", "NeedsPersonError", "StepError", "BalancerError"})
#: Says itself what to do, or is said to somebody who asked for just that.
SELF_EXPLAINING = frozenset(
    {
        "another release took the lease at the same time; wait for it",
        "no release is unfinished here",
        "there is no release of … to take back",
        "nothing is known of an old version: all nodes ran the new one when the release began",
        "nodes run several old versions (…); say which one --undo is to start: [versions] old",
        "… was ended: somebody asked for it twice",
        "… gives us level …; write `level admin` on that stats socket",
        "… has no backend …; it has …",
        '…: backend … has no server …; add it, or say what node … is called there: server = "…"',
        "…, the list that … includes, cannot be read (…); write a line for each node",
        "… would be empty: no node would serve",
        "… cannot be written: …",
        "…; … is as it was",
        "`…` said … of …; it has to print in or out",
    }
)
#: Hand on what stands elsewhere in this package, is another tool's own words, or only joins the two.
_HANDED_ON = frozenset({"str(error)", "error.problem", "reasons", "problem", "f'{about}{waits}'"})


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


def texts(node: ast.expr) -> list[str]:
    """The messages an expression may be; an expression that is none as its source, in brackets."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts) if any(
            isinstance(part, ast.Constant) and str(part.value).strip(":; ") for part in parts
        ):
            return ["".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)]
        case ast.IfExp(body=body, orelse=other):
            return [*texts(body), *texts(other)]
        case ast.List(elts=items):
            return [text for item in items for text in texts(item)]
    return [f"<{ast.unparse(node)}>"]


@cache
def endings() -> tuple[str, ...]:
    """Whatever `zdmigrate release` may end with: what errors are made of, and lists of reasons for them."""
    found: list[str] = []
    for path in sorted(RELEASE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in _ENDS:
                    found += texts(first)
                case ast.Call(func=ast.Attribute(value=ast.Name(id="reasons"), attr="append"), args=[first]):
                    found += texts(first)
                case ast.Call(func=ast.Attribute(attr="until_nothing"), args=[_, _, _, _, problem]):
                    found += [f"… {text}: …" for text in texts(problem)]
                case ast.Assign(targets=[ast.Name(id="problem")], value=ast.JoinedStr() as value):
                    found += texts(value)
                case ast.FunctionDef(name="lacking") if path.name == "sight.py":
                    found += [
                        text for inner in ast.walk(node) if isinstance(inner, ast.JoinedStr) for text in texts(inner)
                    ]
    return tuple(found)


def test_the_page_has_messages() -> None:
    assert len(messages()) > 30


@pytest.mark.parametrize("message", messages())
def test_a_message_stands_in_the_source(message: str) -> None:
    fixed = max(_VARIES.split(message), key=len)
    assert len(fixed.strip()) >= 10, "too little of it is fixed to be looked for"
    assert any(stands_in(message, template) for template in templates())


def test_other_words_would_be_noticed() -> None:
    assert not any(stands_in("given up, and db1 is as it was before: …", template) for template in templates())


@pytest.mark.parametrize("ending", sorted(set(endings())))
def test_what_ends_a_release_is_on_the_page(ending: str) -> None:
    if ending.startswith("<"):
        assert ending[1:-1] in _HANDED_ON, "write the text where the error is raised"
        return
    told = [message for message in messages() if stands_in(message, ending)]
    assert bool(told) != (ending in SELF_EXPLAINING), "add a line to docs/runbook.md, or list it here; not both"


def test_what_explains_itself_is_said() -> None:
    assert set(endings()) >= SELF_EXPLAINING
    assert len(endings()) > 50


@pytest.mark.parametrize("error", [ZdmigrateError, RefusedError, AbortedError, NeedsPersonError])
def test_exit_codes_are_told(error: type[ZdmigrateError]) -> None:
    assert f"| {error.exit_code} |" in PAGE


def test_commands_and_options_are_there() -> None:
    for name, options in re.findall(r"`zdmigrate ([a-z-]+)([^`]*)`", PAGE):
        command = main.commands[name]
        known = {option for item in command.params for option in item.opts}
        assert set(re.findall(r"--[a-z-]+", options)) <= known, name
