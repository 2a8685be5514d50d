"""Passwords in SQL text, blotted out before anybody reads it."""

from __future__ import annotations

import re

_STRING = r"""(?:'(?:[^'\\]++|\\.|'')*+'|"(?:[^"\\]++|\\.|"")*+"|0x[0-9A-Fa-f]+)"""
_SECRET = re.compile(
    r"(\bIDENTIFIED\s+(?:WITH\s+\S+\s+)?(?:BY|AS|USING)\s+(?:PASSWORD\s*\(?\s*)?"
    r"|\bREPLACE\s+|\bOR\s+\S+\s+(?:BY|AS|USING)\s+"
    r"|PASSWORD\b[^'\"=]*=?\s*(?:PASSWORD\s*\(\s*)?)" + _STRING,
    re.IGNORECASE | re.DOTALL,
)
_SET_PASSWORD = re.compile(
    r"(^\s*SET\s+PASSWORD\b.*?(?:=|\bTO\b)\s*(?:(?:OLD_)?PASSWORD\s*\(\s*)?)" + _STRING, re.I | re.S
)


def redact(text: str) -> str:
    """The text with every password as '***'."""
    return _SECRET.sub(r"\1'***'", _SET_PASSWORD.sub(r"\1'***'", text))
