"""The pages under docs/rules/, as `zdmigrate explain` prints them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from zdmigrate.errors import UsageError

_PACKAGE = Path(__file__).parent.parent
#: In a wheel the pages travel inside the package; in a checkout they are read where they are written.
_FOLDERS = (_PACKAGE / "rule_pages", _PACKAGE.parent / "docs" / "rules")


def titles() -> Iterator[tuple[str, str]]:
    """(rule id, title) of every page, in order."""
    for path in sorted(_folder().glob("ZD*.md")):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        yield path.stem, first.lstrip("# ").removeprefix(path.stem).lstrip(" :—-")


def page(rule: str) -> str:
    """The page of that rule, as Markdown.

    Raises:
        UsageError: when there is no such rule.
    """
    path = _folder() / f"{rule}.md"
    if not (rule.isalnum() and path.is_file()):
        raise UsageError(f"there is no rule {rule}; `zdmigrate explain` lists them")
    return path.read_text(encoding="utf-8").rstrip()


def _folder() -> Path:
    return next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[-1])
