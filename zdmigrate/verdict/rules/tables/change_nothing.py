"""ZD113: a statement about a table that leaves it as it is."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Table
from zdmigrate.history.recording import RecordedStatement
from zdmigrate.history.syntax import (
    AlterAction,
    AlterPartitions,
    AlterTable,
    DropColumnDefault,
    ModifyColumn,
    OtherAction,
    Rebuild,
    RenameTable,
    SetOptions,
)
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.drop_default import leaves_bare
from zdmigrate.verdict.rules.names import doubt, not_known


def judge(recorded: RecordedStatement, context: Context) -> Iterator[Finding]:
    """Neutral: IF [NOT] EXISTS that finds nothing to do, a definition restated, a temporary table."""
    if recorded.refusal is not None or recorded.delta.changes:
        return
    match context.node:
        case AlterTable(name=name, actions=actions):
            table = context.before.table(name)
            if name in context.before.temporary:
                yield _neutral(name, f"{name} is a temporary table: only the session that runs the migration sees it.")
            elif table is None and context.before.complete and (why := doubt(name, context)):
                yield not_known(
                    RULE.id,
                    f"ALTER TABLE IF EXISTS {name}: {why}. Whether a table changes that old code uses is not known.",
                    name,
                )
            elif table is None and context.before.complete:
                yield _neutral(name, f"There is no table {name}: IF EXISTS makes this statement do nothing.")
            elif (
                table is not None and table.complete and not any(_has_a_rule(item, table, context) for item in actions)
            ):
                yield _neutral(name, f"This statement leaves {name} as it is: it says what is there already.")
        case RenameTable(pairs=pairs):
            for name in (old for old, _ in pairs if old not in context.before.temporary):
                if why := doubt(name, context):
                    yield not_known(RULE.id, f"RENAME TABLE {name}: {why}.", name)
                    return
            yield _neutral(pairs[0][0], "Only temporary tables, or tables that are not there, are renamed.")
        case _:
            return


def _has_a_rule(action: AlterAction, table: Table, context: Context) -> bool:
    """Whether ZD109, ZD110, ZD211 or ZD232 speaks of this action although it changes nothing."""
    match action:
        case ModifyColumn() | AlterPartitions() | Rebuild() | OtherAction():
            return True
        case SetOptions(options=options):
            return [name for name, _ in options] == ["engine"]
        case DropColumnDefault(name=name):
            return leaves_bare(table.column(name), context)
        case _:
            return False


def _neutral(table: str, reason: str) -> Finding:
    return Finding(RULE.id, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, reason, table=table)


RULE = Rule("ZD113", "statement that changes nothing", (RecordedStatement,), (), judge)
