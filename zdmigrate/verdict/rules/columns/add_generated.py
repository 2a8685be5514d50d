"""ZD202: a generated column is added."""

from __future__ import annotations

import re
from collections.abc import Iterator

from zdmigrate.history.catalog import Column, Generated, Table
from zdmigrate.verdict.differences import ColumnAdded
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.rename import takes_over
from zdmigrate.verdict.rules.columns.scope import at, untouched
from zdmigrate.verdict.rules.origin import living
from zdmigrate.verdict.rules.wording import quoted
from zdmigrate.verdict.types import family, fits

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


#: Functions of one text that is no longer afterwards.
_NO_LONGER = r"(?:lower|upper|lcase|ucase|trim|ltrim|rtrim|reverse)"


def may_not_fit(column: Column, table: Table | None) -> bool:
    """Whether a value old code writes may make the expression overflow its column, or fail by itself.

    Sure to fit: a small number in a column of numbers, a remainder by one, COALESCE with one, a column of a type the
    new one holds, and such a text trimmed or made lower or upper case. Of anything else (a sum, a JSON path, a
    function) a look cannot tell.
    """
    text = re.sub(r"[`()\s]", "", column.generated.expression.lower()) if column.generated is not None else ""
    kind = family(column.type)
    if re.fullmatch(r"\d{1,2}|true|false", text):
        return kind not in ("integer", "float")
    if text in ("null", "''"):
        return text == "''" and kind != "text"
    filled = re.fullmatch(r"(?:coalesce|ifnull)([a-z_$][\w$]*),(?:''|-?\d{1,2})", text)
    text = filled[1] if filled is not None else text
    bare = re.sub(rf"^(?:{_NO_LONGER})(?=.)", "", text)
    found = table.column(text) if table is not None else None
    if found is not None:
        return not fits(found.type, column.type)
    folded = table.column(bare) if table is not None else None
    if folded is not None:
        return family(folded.type) != "text" or not fits(folded.type, column.type)
    remainder = re.fullmatch(r"([a-z_$][\w$]*)%(\d{1,2})", text)
    source = table.column(remainder[1]) if table is not None and remainder is not None else None
    if source is None or family(source.type) != "integer" or kind != "integer":
        return True
    return column.type.unsigned and not source.type.unsigned


def _computed_on_write(added: ColumnAdded, context: Context) -> bool:
    """Whether the server computes the value when a row is written: MariaDB leaves a VIRTUAL one for the reader."""
    column = added.column
    if not context.target.is_mariadb or not column.nullable or (column.generated and column.generated.stored):
        return True
    now = living(context.after, context, added.table)
    return now is None or bool(now.keys_on(column.name))


def judge(added: ColumnAdded, context: Context) -> Iterator[Finding]:
    """Old code never writes it; yet an expression that overflows, or is NULL in a NOT NULL column, fails its writes."""
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
    remedy = f"Leave {where} nullable, or wrap the expression in COALESCE." if conditions else ""
    evidence = "" if column.nullable else evidence
    if _computed_on_write(added, context) and may_not_fit(column, context.base.table(added.table)):
        evidence = evidence or untouched(added.table, context)
        if not evidence:
            reason += (
                f" Where ({column.generated.expression}) does not fit {where}, or is an error, old code's INSERT or "
                "UPDATE fails (1264 Out of range value, 1406 Data too long)."
            )
            conditions += (
                Condition(
                    "expression-fits",
                    "workload",
                    f"({column.generated.expression}) fits {where} for every row old code writes to {added.table}.",
                ),
            )
            roomy = f"Give {where} a type with room for every value of its expression."
            remedy = f"{remedy} {roomy}.".strip()
    yield Finding(
        RULE.id,
        Verdict.CONDITIONAL if conditions else Verdict.SAFE,
        Verdict.UNSAFE,
        Phase.EXPAND,
        f"{reason} New code on the old schema fails with 1054 (Unknown column '{column.name}').",
        remedy,
        conditions=conditions,
        table=added.table,
        column=column.name,
        evidence=evidence,
    )


RULE = Rule("ZD202", "generated column added", (ColumnAdded,), (15, 16), judge)
