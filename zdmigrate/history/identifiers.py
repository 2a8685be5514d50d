"""The identifiers of one revision file, read without running it where they are literals (they nearly always are)."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zdmigrate.errors import UsageError
from zdmigrate.history.comments import comments
from zdmigrate.history.recording import ReplayError, ReplayErrorKind

NAMES = ("revision", "down_revision", "branch_labels", "depends_on")

_LINE = re.compile(r"^(revision|down_revision|branch_labels|depends_on)\s*(?::[^=\n]+)?=\s*(.+?)\s*(?:#.*)?$", re.M)
_PHASE = re.compile(r"#\s*zdmigrate:\s*phase\b[ \t:=]*(\S*)")
_DOCSTRING = re.compile(r'\A(?:\s*#.*\n|\s*\n)*[rRuU]?("""|\'\'\')(.*?)\1', re.S)


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What a revision file says of its place in the graph; `error` is set when the file itself is broken."""

    revision: str
    down_revision: tuple[str, ...]
    branch_labels: tuple[str, ...]
    depends_on: tuple[str, ...]
    message: str
    phase: str | None
    error: ReplayError | None = None


def read_identifiers(path: Path, load: Callable[[Path], object]) -> Identifiers | None:
    """Read one file; `load` imports it, and is called only when an identifier is not a literal.

    Returns:
        None for a file that is no revision (it assigns none of the identifiers).

    Raises:
        UsageError: when the file cannot be read, or says nothing we could place in the graph.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the revision file {path} cannot be read: {error}") from error
    error_found: ReplayError | None = None
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        values, message = _by_lines(text)
        line = getattr(error, "lineno", None) or 0
        error_found = ReplayError(
            ReplayErrorKind.BROKEN_FILE,
            f"the file is not valid Python ({getattr(error, 'msg', None) or error}); correct it",
            str(path),
            line,
        )
        if "revision" not in values:
            raise UsageError(
                f"the revision file {path} is not valid Python (line {line}) and names no revision"
            ) from error
    else:
        values, missing = _by_tree(tree)
        message = ast.get_docstring(tree) or ""
        if missing:
            error_found = _by_import(path, load, values, missing)
    if "revision" not in values:
        if not values and error_found is None:
            return None
        raise UsageError(f'the revision file {path} names no revision: it needs a line revision = "..."')
    return Identifiers(
        revision=_one(path, values["revision"]),
        down_revision=_many(path, "down_revision", values.get("down_revision")),
        branch_labels=_many(path, "branch_labels", values.get("branch_labels")),
        depends_on=_many(path, "depends_on", values.get("depends_on")),
        message=_summary(message) or path.stem,
        phase=_phase(path, text),
        error=error_found,
    )


def _by_tree(tree: ast.Module) -> tuple[dict[str, Any], set[str]]:
    """Literal values, and the names assigned something else."""
    known: dict[str, Any] = {}
    values: dict[str, Any] = {}
    missing: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        elif isinstance(node, ast.ImportFrom):
            missing.update(alias.asname or alias.name for alias in node.names if (alias.asname or alias.name) in NAMES)
            continue
        else:
            continue
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        try:
            result = _value(value, known)
        except ValueError:
            missing.update(name for name in names if name in NAMES)
            continue
        for name in names:
            known[name] = result
            if name in NAMES:
                values[name] = result
                missing.discard(name)
    return values, missing


def _value(node: ast.expr, known: dict[str, Any]) -> Any:
    """The value of a literal, of a name assigned one before, or of a tuple or sum of those."""
    match node:
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(_value(item, known) for item in items)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _value(left, known) + _value(right, known)
        case _:
            try:
                return ast.literal_eval(node)
            except (TypeError, SyntaxError, RecursionError) as error:
                raise ValueError(str(error)) from error


def _by_import(
    path: Path, load: Callable[[Path], object], values: dict[str, Any], missing: set[str]
) -> ReplayError | None:
    try:
        module = load(path)
    except Exception as error:
        named = ", ".join(sorted(missing))
        return ReplayError(
            ReplayErrorKind.IMPORT_FAILED,
            f"{named} is computed, and the file cannot be imported to learn it "
            f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}); "
            "use --stub-imports, or run zdmigrate in the app's own environment",
            str(path),
        )
    for name in missing:
        value = getattr(module, name, None)
        plain = value is None or isinstance(value, str)
        if plain or (isinstance(value, (tuple, list, set)) and all(isinstance(item, str) for item in value)):
            values[name] = value
            continue
        return ReplayError(
            ReplayErrorKind.IMPORT_FAILED,
            f"{name} comes from a module that is not installed, and a stand-in cannot say it; "
            "run zdmigrate in the app's own environment",
            str(path),
        )
    return None


def _by_lines(text: str) -> tuple[dict[str, Any], str]:
    """Identifiers and docstring of a file that does not parse."""
    values: dict[str, Any] = {}
    for match in _LINE.finditer(text):
        try:
            values[match[1]] = ast.literal_eval(match[2])
        except (ValueError, SyntaxError):
            continue
    docstring = _DOCSTRING.match(text)
    return values, docstring[2] if docstring else ""


def _one(path: Path, value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    raise UsageError(f"the revision file {path} says revision = {value!r}; it must be a string")


def _many(path: Path, name: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (tuple, list, set, frozenset)) and all(isinstance(item, str) for item in value):
        return tuple(sorted(value)) if isinstance(value, (set, frozenset)) else tuple(value)
    raise UsageError(f"the revision file {path} says {name} = {value!r}; write a string, a tuple of strings or None")


def _summary(docstring: str) -> str:
    paragraph = re.split(r"\n\s*\n", docstring.strip())[0]
    lines = [line.strip() for line in paragraph.splitlines()]
    kept = [line for line in lines if not re.match(r"(Revision ID|Revises|Create Date)\s*:", line, re.I)]
    return " ".join(line for line in kept if line)


def _phase(path: Path, text: str) -> str | None:
    marks = [_PHASE.match(comment) for _, comment, alone in comments(text) if alone]
    found = {match[1].rstrip(".,;").lower() for match in marks if match}
    for word in found - {"expand", "contract"}:
        raise UsageError(f"{path} declares the phase {word!r}; write # zdmigrate: phase expand, or phase contract")
    if len(found) > 1:
        raise UsageError(f"{path} declares both phases; a revision is either expand or contract")
    return found.pop() if found else None
