"""ZD202: a generated column is added."""

from __future__ import annotations

import re
from collections.abc import Iterator

from zdmigrate.history.catalog import Generated, Table
from zdmigrate.verdict.differences import ColumnAdded
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.rename import takes_over
from zdmigrate.verdict.rules.columns.scope import at, untouched
from zdmigrate.verdict.rules.wording import quoted

#: Functions that yield NULL only when an argument is NULL.
# fmt: off
_NULL_IN_NULL_OUT = frozenset({
    "abs", "bit_length", "cast", "ceil", "ceiling", "char_length", "character_length", "concat", "convert",
    "crc32", "floor", "greatest", "hex", "lcase", "least", "left", "length", "lower", "ltrim", "md5",
    "octet_length", "repeat", "replace", "reverse", "right", "round", "rtrim", "sha", "sha1", "substr",
    "substring", "trim", "ucase", "upper",
})
# fmt: on


def may_be_null(generated: Generated, table: Table | None) -> bool:
    """Whether the expression may yield NULL, as far as a look at its columns and functions tells."""
    expression = re.sub(r"'(?:[^'\\]|\\.|'')*'", "''", generated.expression).lower()
    if re.search(r"\b(?:coalesce|ifnull)\s*\(.*,\s*(?:''|-?\d[\d.]*)\s*\)$", expression):
        return False
    functions = set(re.findall(r"([a-z_]\w*)\s*\(", expression))
    if functions - _NULL_IN_NULL_OUT or re.search(r"[/%]|->|\b(?:div|mod|case|null)\b", expression):
        return True
    words = set(re.findall(r"[a-z_$][\w$]*", expression))
    return table is None or any(column.nullable and column.name.lower() in words for column in table.columns)


def judge(added: ColumnAdded, context: Context) -> Iterator[Finding]:
    """Safe: old code never writes it; NOT NULL makes the expression's NULL an error."""
    column, where = added.column, at(added.table, added.column)
    if column.generated is None or takes_over(added, context):
        return
    reason = f"Old code never names {where}; the server computes it."
    if column.generated.stored:
        reason += " STORED: the server computes and writes it for every existing row (the table is copied)."
    conditions: tuple[Condition, ...] = ()
    evidence = untouched(added.table, context)
    if not column.nullable and not evidence and may_be_null(column.generated, context.base.table(added.table)):
        reason += (
            f" It is NOT NULL: where ({column.generated.expression}) yields NULL, old code's INSERT or UPDATE fails "
            "with 1048 (Column cannot be null)."
        )
        conditions = (
            Condition(
                "expression-never-null",
                "data",
                f"({column.generated.expression}) is never NULL for a row old code writes to {added.table}.",
                f"SELECT 1 FROM {quoted(added.table)} WHERE ({column.generated.expression}) IS NULL LIMIT 1",
            ),
        )
    yield Finding(
        RULE.id,
        Verdict.CONDITIONAL if conditions else Verdict.SAFE,
        Verdict.UNSAFE,
        Phase.EXPAND,
        f"{reason} New code on the old schema fails with 1054 (Unknown column '{column.name}').",
        f"Leave {where} nullable, or wrap the expression in COALESCE." if conditions else "",
        conditions=conditions,
        table=added.table,
        column=column.name,
        evidence="" if column.nullable else evidence,
    )


RULE = Rule("ZD202", "generated column added", (ColumnAdded,), (15, 16), judge)
