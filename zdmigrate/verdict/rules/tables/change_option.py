"""ZD107: a table's option changes: comment, row format, default charset, AUTO_INCREMENT, ..."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import TableOptionChanged
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule

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


def judge(changed: TableOptionChanged, context: Context) -> Iterator[Finding]:
    """No statement means anything else."""
    if changed.option == "engine":
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


RULE = Rule("ZD107", "table option changed", (TableOptionChanged,), (6, 77, 78), judge)
