"""ZD110: a table is rebuilt or looked after as it is."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Table
from zdmigrate.history.syntax import AlterTable, MaintainTable, OtherAction, Rebuild, SetOptions
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.origin import added_column, target
from zdmigrate.verdict.rules.wording import listed, steps

_READS_ONLY = frozenset({"ANALYZE", "CHECK", "CHECKSUM"})


def judge(node: AlterTable | MaintainTable, context: Context) -> Iterator[Finding]:
    """No statement notices; the server may be busy for long."""
    if isinstance(node, MaintainTable):
        work = "reads" if node.verb in _READS_ONLY else "rebuilds"
        yield _neutral(
            node.names[0] if len(node.names) == 1 else None, f"{node.verb} TABLE {work} {listed(node.names)}"
        )
        return
    table = context.before.table(node.name)
    if table is None or not table.complete:
        return  # ZD112 judges that
    for action in node.actions:
        match action:
            case Rebuild():
                yield _neutral(node.name, f"{node.name} is rebuilt as it is")
            case SetOptions(options=options) if _same(table, options):
                yield _neutral(node.name, f"{node.name} is rebuilt with the options it has")
            case OtherAction(text=text):
                yield other_action(node.name, text, context) or _neutral(
                    node.name, f"{text} changes nothing statements can see in {node.name}"
                )
            case _:
                continue


def other_action(table: str, text: str, context: Context) -> Finding | None:
    """What a named action does that is more than keeping rows otherwise; None of one that is not."""
    where = target(context, table)
    verb = text.upper()
    if where.new or where.temporary or not verb.startswith(("DISCARD", "IMPORT", "ADD PERIOD", "DROP PERIOD")):
        return None
    if verb.startswith("ADD PERIOD"):
        return None if verb.startswith("ADD PERIOD FOR SYSTEM_TIME") else _period(where.old_name, text, context)
    old_code = context.old_code
    if old_code.proven and not old_code.maps_table(where.old_name):
        reason = f"No deployed version maps {table}: {text} is nothing to it."
        evidence = old_code.quote(where.old_name)
        return Finding(RULE.id, Verdict.SAFE, Verdict.UNSAFE, Phase.CONTRACT, reason, table=table, evidence=evidence)
    if verb.startswith("DISCARD"):
        return _unsafe(
            table,
            f"DISCARD TABLESPACE deletes the file with every row of {table}: every statement of old code on it fails "
            "with 1814 (Tablespace has been discarded) from then on, and the rows are gone for good.",
        )
    if verb.startswith("IMPORT"):
        return Finding(
            RULE.id,
            Verdict.UNKNOWN,
            Verdict.UNKNOWN,
            Phase.CONTRACT,
            f"IMPORT TABLESPACE puts the rows of a file into {table}: which they are is not in the statement.",
            "Load the file into a new table, and copy the rows in batches; or have a person look, and write a waiver.",
            table=table,
        )
    name = text.rpartition(" ")[2]
    condition = Condition(
        "period-not-used",
        "code",
        f"No statement of old code says FOR PORTION OF {name} on {table}, or counts on the server's order of the two "
        "columns.",
    )
    return Finding(
        RULE.id,
        Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"{text} of {table}: rows may hold any two values from now on, and FOR PORTION OF {name} fails.",
        conditions=(condition,),
        table=table,
    )


def _period(table: str, text: str, context: Context) -> Finding | None:
    """ADD PERIOD makes both columns NOT NULL, and refuses every row whose start is not before its end."""
    columns = [part.strip(" `") for part in text.partition("(")[2].rstrip(") ").split(",")]
    old_code = context.old_code
    if old_code.proven and not old_code.maps_table(table):
        return Finding(
            RULE.id,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.EXPAND,
            f"No deployed version maps {table}: none writes a row that the period refuses.",
            table=table,
            evidence=old_code.quote(table),
        )
    added = [added_column(context, table, name) for name in columns]
    defaults = [None if column is None else column.default for column in added]
    refused = "4025 (CONSTRAINT failed)"
    if all(default is not None for default in defaults):
        stored = [default.text for default in defaults if default is not None and default.kind == "literal"]
        if len(stored) == len(columns) == 2 and stored[0] < stored[1]:
            return None
        if len(stored) < len(columns):
            condition = Condition(
                "period-defaults-in-order",
                "code",
                f"An INSERT that leaves out {listed(columns)} stores a start that is before the end.",
            )
            return Finding(
                RULE.id,
                Verdict.CONDITIONAL,
                Verdict.SAFE,
                Phase.EXPAND,
                f"{text}: old code's INSERT into {table} fails with {refused} unless the defaults are in order.",
                conditions=(condition,),
                table=table,
            )
        return _unsafe(
            table,
            f"{text}: every INSERT of old code into {table} stores the defaults of {listed(columns)}, whose start is "
            f"not before the end, and fails with {refused}.",
        )
    return _unsafe(
        table,
        f"{text} makes {listed(columns)} NOT NULL, and refuses rows whose start is not before the end: a write of old "
        f"code with NULL fails with 1048, one that leaves a column out with 1364, one in another order with {refused}.",
    )


def _unsafe(table: str, reason: str) -> Finding:
    return Finding(
        RULE.id,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        reason,
        steps(("deploy", f"a version whose statements on {table} allow it"), ("contract", "this change")),
        table=table,
    )


def _same(table: Table, options: tuple[tuple[str, str], ...]) -> bool:
    given = {name: value.lower() for name, value in options}
    return given.keys() == {"engine"} and given["engine"] == table.engine.lower()


def _neutral(table: str | None, text: str) -> Finding:
    return Finding(
        RULE.id,
        Verdict.SAFE,
        Verdict.SAFE,
        Phase.NEUTRAL,
        f"{text}: every row stays, and every statement means the same.",
        table=table,
    )


RULE = Rule("ZD110", "table rebuilt or maintained", (AlterTable, MaintainTable), (77,), judge)
