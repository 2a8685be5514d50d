"""ZD108: a table moves to another storage engine."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import TableOptionChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.wording import op_execute, quoted

_TRANSACTIONAL = frozenset({"innodb", "rocksdb", "tokudb", "ndb", "ndbcluster"})
_LOSES_ROWS = frozenset({"memory", "heap", "blackhole"})


def judge(changed: TableOptionChanged, context: Context) -> Iterator[Finding]:
    """To InnoDB: safe. To an engine without transactions: old code's ROLLBACK leaves half of its work behind."""
    if changed.option != "engine":
        return
    table, now = changed.table, str(changed.after)
    old_code = context.old_code
    evidence = old_code.quote(table) if old_code.proven and not old_code.maps_table(table) else ""
    conditions: tuple[Condition, ...] = ()
    old = Verdict.SAFE
    reason = f"{table} moves to {now}; statements stay the same. The table is copied and takes no writes meanwhile."
    if evidence:
        reason = f"No deployed version maps {table}, which moves to {now}."
    elif now.lower() in _LOSES_ROWS:
        old = Verdict.UNSAFE
        reason = f"{now} keeps no rows (at the latest after a restart): what old code writes to {table} is lost."
    elif now.lower() not in _TRANSACTIONAL:
        old = Verdict.CONDITIONAL
        reason = (
            f"{now} has no transactions, foreign keys or row locks: old code's statements on {table} go on, but a "
            "ROLLBACK "
            "leaves its writes there (warning 1196) and every write locks the whole table. After a crash it may need "
            "repair."
        )
        conditions = (
            Condition(
                "loses-transactions",
                "code",
                f"Old code relies on no ROLLBACK, foreign key or row lock on {table}.",
            ),
        )
    yield Finding(
        RULE.id,
        old,
        Verdict.SAFE,
        Phase.EXPAND,
        reason,
        f"Stay with InnoDB: {op_execute(f'ALTER TABLE {quoted(table)} ENGINE=InnoDB')}"
        if old is not Verdict.SAFE
        else "",
        conditions=conditions,
        table=table,
        evidence=evidence,
    )


RULE = Rule("ZD108", "storage engine changed", (TableOptionChanged,), (77,), judge)
