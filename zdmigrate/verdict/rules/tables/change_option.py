"""ZD107: a table's option changes: comment, row format, default charset, AUTO_INCREMENT, ..."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import TableOptionChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.data.values import largest_integer
from zdmigrate.verdict.rules.origin import living
from zdmigrate.verdict.rules.wording import steps

_WHY = {
    "comment": "no statement notices",
    "row_format": "rows are stored another way, statements stay the same; the table is rebuilt",
    "key_block_size": "rows are stored another way, statements stay the same; the table is rebuilt",
    "charset": "only columns added later take it; those there are keep theirs",
    "collation": "only columns added later take it; those there are keep theirs",
    "auto_increment": "the next row gets that number, and a value below the largest is ignored",
}
_REBUILDS = frozenset(
    {"row_format", "key_block_size", "compression", "encryption", "page_compressed", "encrypted", "tablespace"}
)

#: The end of INT, which the AUTO_INCREMENT column of a table never seen is taken to be.
_INT = 2**31 - 1


def judge(changed: TableOptionChanged, context: Context) -> Iterator[Finding]:
    """No statement means anything else."""
    if changed.option == "engine":
        return
    if changed.option == "auto_increment" and (found := _numbers_left(changed, context)):
        yield found
        return
    why = _WHY.get(changed.option, "it changes how rows are kept, not what statements say or return")
    now = "the server's default" if changed.after is None else repr(changed.after)
    yield Finding(
        RULE.id,
        Verdict.SAFE,
        Verdict.SAFE,
        Phase.EXPAND if changed.option in _REBUILDS else Phase.NEUTRAL,
        f"{changed.option.upper()} of {changed.table} becomes {now}: {why}.",
        table=changed.table,
    )


def _numbers_left(changed: TableOptionChanged, context: Context) -> Finding | None:
    """What is said of a next number at the end of the column's range, or near it; None where enough are left."""
    now = living(context.after, context, changed.table)
    column = next((item for item in now.columns if item.auto_increment), None) if now is not None else None
    digits = (changed.after or "").strip("'\"")
    if not digits.isdigit() or (column is None and now is not None and now.complete):
        return None
    number, known = int(digits), column is not None and column.type.name != "unknown"
    largest = largest_integer(column.type) if column is not None and known else _INT
    if not largest or number <= largest - largest // 10:
        return None
    what = f"AUTO_INCREMENT of {changed.table} becomes {number}"
    if known and number >= largest:
        return Finding(
            RULE.id,
            Verdict.UNSAFE,
            Verdict.UNSAFE,
            Phase.CONTRACT,
            f"{what}, and its type ends at {largest}: INSERTs of old code fail with 1062 or 1467 at once or after one "
            "row.",
            steps(("expand", "give a number that leaves room for years of rows, or widen the column first")),
            table=changed.table,
        )
    condition = Condition(
        "numbers-suffice",
        "person",
        f"{max(largest - number, 0) if known else 'What the type of the column has left'} numbers are enough for every "
        "row old and new code insert.",
    )
    return Finding(
        RULE.id,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.NEUTRAL,
        f"{what}, close to the end of its type ({largest if known else 'which was never seen'}): when no number is "
        "left, every INSERT fails with 1062 or 1467.",
        conditions=(condition,),
        new_conditions=(condition,),
        table=changed.table,
    )


RULE = Rule("ZD107", "table option changed", (TableOptionChanged,), (6, 77, 78), judge)
