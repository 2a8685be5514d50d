"""Column names inside SQL expressions: found and renamed without parsing the whole expression."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'      # string
      | "(?:[^"\\]|\\.|"")*"
      | `(?:[^`]|``)*`            # quoted name
      | [A-Za-z_$][\w$]*          # bare name
      | .""",
    re.VERBOSE | re.DOTALL,
)


def names_in(expression: str) -> set[str]:
    """Lower-case names an expression may mean as columns (keywords are among them, function names are not)."""
    found = (_name(match, expression) for match in _TOKEN.finditer(expression))
    return {name.lower() for name in found if name is not None}


def plain(expression: str) -> str:
    """The expression without the charset introducers MySQL adds to its string literals."""
    return re.sub(r"(?<![\w$])_utf8mb[34]\s*(?=')", "", expression)


def rename_in(expression: str, renames: Mapping[str, str]) -> str:
    """The expression with columns renamed; `renames` maps lower-case old names to new ones."""

    def replacement(match: re.Match[str]) -> str:
        name = _name(match, expression)
        new = renames.get(name.lower()) if name is not None else None
        if new is None:
            return match[0]
        bare = re.fullmatch(r"[A-Za-z_$][\w$]*", new) and not match[0].startswith("`")
        return new if bare else "`" + new.replace("`", "``") + "`"

    return _TOKEN.sub(replacement, expression)


def _name(match: re.Match[str], expression: str) -> str | None:
    token = match[0]
    if token.startswith("`") and len(token) > 1:
        return token[1:-1].replace("``", "`")
    called = expression[match.end() :].lstrip().startswith("(")
    return token if (token[0].isalpha() or token[0] in "_$") and not called else None
