"""ZD221: a column gets a charset that lacks characters of its old one."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, loosely, type_change, unmapped
from zdmigrate.verdict.rules.wording import quoted, steps
from zdmigrate.verdict.types import TypeAspect


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Unsafe while old code may write any text: a model seldom says which characters."""
    comparison = type_change(change, context)
    if comparison is None or not comparison.has(TypeAspect.CHARSET_NARROWED):
        return
    before, after, where = change.before, change.after, at(change.table, change.before)
    was, now = before.type.charset, after.type.charset
    evidence = unmapped(change.table, before.name, context)
    name = quoted(before.name)
    yield Finding(
        RULE.id,
        Verdict.SAFE if evidence else Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"No deployed version writes to {where}. A row that holds a character {now} lacks makes the ALTER fail (1366)."
        if evidence
        else f"Old code may write characters of {was} to {where} that {now} lacks: it fails with 1366 (Incorrect "
        "string "
        f"value), and so does the ALTER while a row holds one.{loosely(context)}",
        ""
        if evidence
        else steps(
            ("deploy", f"the version that writes only characters of {now} to {where}"),
            (
                "migrate",
                f"SELECT 1 FROM {quoted(change.table)} WHERE {name} <> CONVERT(CONVERT({name} USING {now}) USING "
                f"{was}) "
                "LIMIT 1 must return no row",
            ),
            ("contract", "this change"),
        ),
        table=change.table,
        column=before.name,
        evidence=evidence,
    )


RULE = Rule("ZD221", "column charset narrowed", (ColumnChanged,), (42,), judge)
