"""ZD220: a column gets a charset that has every character of its old one."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.charsets import bytes_per_character
from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, type_change
from zdmigrate.verdict.rules.origin import living
from zdmigrate.verdict.types import TypeAspect, family

#: Longest index entry of InnoDB's DYNAMIC row format, in bytes.
_LONGEST_KEY = 3072


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Every old character still fits; index entries grow."""
    comparison = type_change(change, context)
    if comparison is None or not comparison.has(TypeAspect.CHARSET_WIDENED):
        return
    before, after, where = change.before, change.after, at(change.table, change.before)
    was, now = before.type.charset, after.type.charset
    reason = f"Every character old code writes to {where} is in {now} too; a connection in {was} goes on as before."
    too_long = [name for name, size in _key_bytes(change, context) if size > _LONGEST_KEY]
    if too_long:
        reason += (
            f" But entries of index {', '.join(too_long)} become longer than {_LONGEST_KEY} bytes: the server "
            "refuses the "
            "ALTER (1071, Specified key was too long). Shorten the index or the column first."
        )
    yield Finding(
        RULE.id,
        Verdict.UNSAFE if too_long else Verdict.SAFE,
        Verdict.CONDITIONAL,
        Phase.EXPAND,
        f"{reason} New code that writes a character {was} lacks fails on the old schema with 1366.",
        f"One MODIFY a column, not CONVERT TO CHARACTER SET: CONVERT copies the table and changes every column of "
        f"{change.table}.",
        new_conditions=(
            Condition(
                "new-code-keeps-old-characters",
                "code",
                f"New code writes to {where} only characters of {was} until this has run.",
            ),
        ),
        table=change.table,
        column=before.name,
    )


def _key_bytes(change: ColumnChanged, context: Context) -> Iterator[tuple[str, int]]:
    table = living(context.after, context, change.table)
    if table is None:
        return
    for key in table.keys_on(change.after.name):
        if key.kind not in ("primary", "unique", "index"):
            continue
        size = 0
        for part in key.parts:
            column = table.column(part.column) if part.column else None
            if column is not None and family(column.type) == "text":
                length = part.length or (column.type.args[0] if column.type.args else 0)
                size += length * bytes_per_character(column.type.charset or "utf8mb4")
        yield key.name, size


RULE = Rule("ZD220", "column charset widened", (ColumnChanged,), (41,), judge)
