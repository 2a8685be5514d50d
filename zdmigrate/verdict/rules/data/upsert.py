"""ZD403: REPLACE, and INSERT ... ON DUPLICATE KEY UPDATE."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import Insert
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.data.insert_rows import inserted
from zdmigrate.verdict.rules.data.rewrite import strange
from zdmigrate.verdict.rules.data.writes import Effect, Write, write
from zdmigrate.verdict.rules.origin import target
from zdmigrate.verdict.rules.wording import listed, quoted, steps

ID = "ZD403"


def judge(subject: Insert, context: Context) -> Iterator[Finding]:
    """New rows are judged as inserted ones; rows that are there are overwritten."""
    if subject.verb != "REPLACE" and not subject.on_duplicate:
        return
    where = target(context, subject.table)
    if where.new or not context.old_code.maps_table(where.old_name):
        yield from inserted(ID, subject, context)
        return
    written = [write(where, item, context) for item in subject.on_duplicate]
    rewritten = [item for item in written if item.effect is not Effect.UNSEEN and item.effect is not Effect.NOTHING]
    if subject.verb != "REPLACE" and not rewritten:
        yield from inserted(ID, subject, context)
        return
    yield _overwritten(subject, rewritten)


def _overwritten(node: Insert, rewritten: list[Write]) -> Finding:
    if node.verb == "REPLACE":
        reason = (
            f"REPLACE deletes the row of {node.table} that has the same key and inserts another: what old code wrote "
            "there is lost, columns not named fall back to their defaults, and ON DELETE CASCADE removes its children."
        )
    else:
        places = listed(dict.fromkeys(item.place for item in rewritten))
        reason = f"Where the key exists, {places} is overwritten: old code reads another value than it wrote."
    for item in rewritten:
        reason += strange(item)
    keep = f"INSERT IGNORE INTO {quoted(node.table)} (...) VALUES (...)"
    return Finding(
        ID,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        reason,
        remedy=steps(
            ("expand", f'to add the missing rows and keep the others: op.execute("{keep}")'),
            ("contract", "overwrite rows that are there once no node runs older code"),
        ),
        table=node.table,
        column=rewritten[0].column if len(rewritten) == 1 else None,
    )


RULE = Rule(id=ID, title="rows inserted or overwritten", on=(Insert,), facts=(63, 66), judge=judge)
