"""Paths as reports show them: relative to the current directory when below it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote


def shown(path: str) -> str:
    """The path as a person would type it here, with forward slashes; unchanged when it lies elsewhere."""
    if not path:
        return path
    try:
        return Path(path).absolute().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return Path(path).as_posix()


def uri(path: str) -> str:
    """The path as a URI reference: relative when below the current directory, else with the scheme `file`."""
    short = shown(path)
    return f"file://{quote(short)}" if Path(short).is_absolute() else quote(short)
