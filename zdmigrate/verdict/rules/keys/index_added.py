"""ZD302: a plain index on a table old code uses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from zdmigrate.history.catalog import Key
from zdmigrate.verdict.differences import KeyAdded
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.add_generated import may_not_fit
from zdmigrate.verdict.rules.columns.scope import untouched
from zdmigrate.verdict.rules.keys.code import parts_text
from zdmigrate.verdict.rules.origin import living

ID = "ZD302"


#: Functions that take any value of any column without an error.
_HARMLESS = frozenset({"lower", "upper", "lcase", "ucase", "trim", "ltrim", "rtrim", "coalesce", "ifnull", "left"})


def _computed(key: Key, table: str, context: Context) -> str:
    """The expression a write must compute for this index, when that may be an error; else ""."""
    now = living(context.after, context, table)
    for part in key.parts:
        if part.expression is not None:
            functions = set(re.findall(r"([a-z_]\w*)\s*\(", part.expression.lower()))
            if functions - _HARMLESS or re.search(r"[-+*/%>]", part.expression):
                return part.expression
        column = now.column(part.column) if now is not None and part.column is not None else None
        if column is None or column.generated is None or column.generated.stored or not context.target.is_mariadb:
            continue  # MySQL computes VIRTUAL columns on every write anyway
        if may_not_fit(column, now):
            return column.generated.expression
    return ""


def judge(subject: KeyAdded, context: Context) -> Iterator[Finding]:
    """An index changes no result: only how fast it comes."""
    key = subject.key
    if key.kind != "index":
        return
    column = key.columns[0] if len(key.columns) == 1 else None
    if key.generated:
        reason = f"The server makes the index {key.name} on {subject.table}({parts_text(key)}) for a foreign key."
        yield Finding(ID, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, reason, table=subject.table, column=column)
        return
    expression = _computed(key, subject.table, context)
    if expression and not untouched(subject.table, context):
        yield Finding(
            ID,
            Verdict.CONDITIONAL,
            Verdict.SAFE,
            Phase.EXPAND,
            f"With the index {key.name} every write of {subject.table} computes ({expression}): where that overflows "
            "or is an error, old code's INSERT or UPDATE fails (1264 Out of range value, 3751 Data truncated).",
            f"Index an expression that takes every value of {subject.table}.",
            conditions=(
                Condition(
                    "expression-fits",
                    "workload",
                    f"({expression}) is no error for any row old code writes to {subject.table}.",
                ),
            ),
            table=subject.table,
            column=column,
        )
        return
    yield Finding(
        ID,
        Verdict.SAFE,
        Verdict.SAFE,
        Phase.EXPAND,
        f"The index {key.name} on {subject.table}({parts_text(key)}) changes no result of old code; the optimizer may "
        "choose other plans, and every write maintains one index more.",
        table=subject.table,
        column=column,
    )


RULE = Rule(id=ID, title="index added", on=(KeyAdded,), facts=(18, 48), judge=judge)
