"""ZD408: a table is emptied."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import TruncateTable
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.data.removed import unreachable
from zdmigrate.verdict.rules.origin import target
from zdmigrate.verdict.rules.wording import op_execute, quoted, steps

ID = "ZD408"


def judge(subject: TruncateTable, context: Context) -> Iterator[Finding]:
    """TRUNCATE drops the table and makes it again, empty; there is no ROLLBACK."""
    where = target(context, subject.name)
    why, evidence = unreachable(where, context)
    if why:
        phase = Phase.NEUTRAL if where.temporary else Phase.MIGRATE
        text = f"{why}."
        yield Finding(ID, Verdict.SAFE, Verdict.SAFE, phase, text, table=subject.name, evidence=evidence)
        return
    table = subject.name
    yield Finding(
        ID,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"Old code wrote, and reads, the rows of {table}: all of them are lost at once, AUTO_INCREMENT starts again "
        "(so ids that other tables or clients still hold are given out a second time), and neither ROLLBACK nor a "
        "trigger helps. A foreign key that points at it makes the server refuse (1701).",
        remedy=steps(
            ("expand", f"release code that does without the rows of {table}"),
            ("deploy", "wait until no node runs older code"),
            (
                "contract",
                f"after a backup, in batches: {op_execute(f'DELETE FROM {quoted(table)} LIMIT 1000')}; or, when "
                f"nothing reads the table any more, {op_execute(f'TRUNCATE TABLE {quoted(table)}')}",
            ),
        ),
        table=table,
    )


RULE = Rule(id=ID, title="table truncated", on=(TruncateTable,), facts=(67,), judge=judge)
