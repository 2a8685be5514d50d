"""A catalog from SQL text: `mysqldump --no-data`, or what SHOW CREATE TABLE printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from zdmigrate.errors import UsageError
from zdmigrate.flavour import Flavour
from zdmigrate.history.apply import Refused, apply
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.charsets import empty_catalog
from zdmigrate.history.recording import SessionState
from zdmigrate.history.statements import parse
from zdmigrate.history.syntax import ChangeDatabase, Opaque, SetVariable

#: The settings a dump is loaded under: tables come in any order, so do their foreign keys, and what a server took once
#: is not refused here, whatever its modes were.
LOADING = SessionState(sql_mode=frozenset(), foreign_key_checks=False)

_DELIMITER = re.compile(r"delimiter[ \t]+(\S+)[ \t]*\r?(?:\n|$)", re.IGNORECASE)
_BOUNDED = {"'": re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL), '"': re.compile(r'"(?:[^"\\]|\\.|"")*"', re.DOTALL)}
_NAME = re.compile(r"`(?:[^`]|``)*`", re.DOTALL)
_COMMENT = re.compile(r"#[^\n]*|--(?=\s|$)[^\n]*|/\*(?!M?!)(?:.*?)\*/|/\*M!999999(?:.*?)\*/", re.DOTALL)
_PLAIN = re.compile(r"[^'\"`#/;$\-\n]+")
_DEFINES = re.compile(r"\s*(?:/\*M?!\d*\s*)*(?:create|alter|drop|rename)\b", re.IGNORECASE)
#: `mysql -e 'SHOW CREATE TABLE t\G'` prints this around the statement.
_ROW_FRAME = re.compile(r"^\*{5,} \d+\. row \*{5,}\s*$", re.MULTILINE)
_FIELD = re.compile(r"^ *(?:Table|View): .*\n *Create (?:Table|View): ", re.MULTILINE)
_FIELD_AFTER = re.compile(r"^ *(?:character_set_client|collation_connection): .*$", re.MULTILINE)


def from_dump(text: str, flavour: Flavour) -> Catalog:
    """The schema a dump describes.

    Raises:
        UsageError: naming the line of a statement that cannot be used.
    """
    catalog = replace(empty_catalog(flavour), complete=False)
    session = LOADING
    found = False
    for line, statement in split(_unframed(text)):
        for parsed in parse(statement, mariadb=flavour.is_mariadb):
            node = parsed.node
            if isinstance(node, Opaque):
                if _DEFINES.match(statement):
                    raise UsageError(f"line {line} of the dump cannot be read ({node.reason}): {_shown(statement)}")
                continue
            if isinstance(node, SetVariable):
                if node.scope == "session" and node.name.lower() not in ("foreign_key_checks", "sql_mode"):
                    session = session.with_variable(node.name, node.value)
                continue
            if isinstance(node, ChangeDatabase) and node.verb != "ALTER":
                continue
            try:
                catalog = apply(parsed, catalog, session, flavour)
            except Refused as refusal:
                raise UsageError(
                    f"line {line} of the dump would be refused by {flavour} ({refusal.errno} {refusal.message}): "
                    f"{_shown(statement)}"
                ) from refusal
            found = True
    if not found:
        raise UsageError("the dump holds no SQL statement; make one with: mysqldump --no-data --routines DATABASE")
    return replace(catalog, complete=True)


def split(text: str) -> Iterator[tuple[int, str]]:
    """(line, statement) for every statement of a script, as the mysql client cuts it (DELIMITER included)."""
    delimiter = ";"
    position = start = 0
    begun = False
    while position < len(text):
        if not begun and (match := _DELIMITER.match(text, position)):
            delimiter = match[1]
            position = start = match.end()
            continue
        if text.startswith(delimiter, position):
            if begun:
                yield text.count("\n", 0, start) + 1, text[start:position]
            position += len(delimiter)
            start, begun = position, False
            continue
        end, blank = _step(text, position)
        if not begun and not blank:
            start, begun = position, True
        position = end
    if begun and text[start:].strip():
        yield text.count("\n", 0, start) + 1, text[start:]


def _step(text: str, position: int) -> tuple[int, bool]:
    """End of the token at `position`, and whether it is only space or a comment."""
    character = text[position]
    if character.isspace():
        return position + 1, True
    if comment := _COMMENT.match(text, position):
        return comment.end(), True
    matcher = _BOUNDED.get(character) or (_NAME if character == "`" else _PLAIN)
    match = matcher.match(text, position)
    return (match.end() if match else position + 1), False


def _unframed(text: str) -> str:
    """SHOW CREATE output of the mysql client as plain statements; line numbers stay right."""
    if not _ROW_FRAME.search(text):
        return text
    text = _ROW_FRAME.sub(";", text)
    text = _FIELD.sub("\n", text)
    return _FIELD_AFTER.sub("", text)


def _shown(statement: str) -> str:
    line = " ".join(statement.split())
    return line if len(line) <= 80 else line[:77] + "..."
