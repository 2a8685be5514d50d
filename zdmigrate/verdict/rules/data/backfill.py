"""ZD404: an UPDATE of columns old code does not read."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import Update
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.data.writes import Effect, Write, touched_by_update, writes
from zdmigrate.verdict.rules.wording import listed, op_execute, quoted, steps

ID = "ZD404"


def judge(subject: Update, context: Context) -> Iterator[Finding]:
    """Old code never reads them, so it cannot see the change."""
    found = list(writes(subject, context))
    unseen = [item for item in found if item.effect is Effect.UNSEEN]
    if unseen:
        yield _finding(subject, unseen)
    elif found and all(item.effect is Effect.NOTHING for item in found):
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.NEUTRAL,
            f"{listed(item.place for item in found)}: no value changes, or no row can match.",
            table=found[0].target.name,
            column=found[0].column if len(found) == 1 else None,
        )


def _finding(update: Update, unseen: list[Write]) -> Finding:
    first = unseen[0]
    places = listed(dict.fromkeys(item.place for item in unseen))
    evidence = "; ".join(dict.fromkeys(item.evidence for item in unseen if item.evidence))
    why = "which the deployed code does not map" if evidence else "which this release adds"
    reason = f"{places}, {why}, is filled: old code does not read it. Rows it writes later need filling again."
    moved = touched_by_update(first, update)
    if moved:
        reason += (
            f" But {listed(moved)} of {first.target.name} has ON UPDATE CURRENT_TIMESTAMP, moves in every row, and old "
            "code reads it: set it to itself to keep it."
        )
    kept = ", ".join(f"{quoted(name)} = {quoted(name)}" for name in moved)
    set_list = ", ".join(f"{quoted(item.column)} = ..." for item in unseen) + (f", {kept}" if kept else "")
    batch = (
        f"UPDATE {quoted(first.target.name)} SET {set_list} WHERE {quoted(first.column)} IS NULL AND "
        f"{quoted(_key(first))} BETWEEN ... AND ..."
    )
    return Finding(
        ID,
        Verdict.SAFE,
        Verdict.SAFE,
        Phase.MIGRATE,
        reason,
        remedy=steps(
            ("migrate", f"in a revision of its own, in batches by key: {op_execute(batch)}"),
            ("contract", "once no node runs older code, run it again for the rows that came since"),
        ),
        table=first.target.name,
        column=first.column if len(unseen) == 1 else None,
        evidence=evidence,
    )


def _key(write: Write) -> str:
    key = None if write.target.now is None else write.target.now.primary_key
    return key.columns[0] if key is not None and key.columns else "id"


RULE = Rule(id=ID, title="UPDATE of columns old code does not read", on=(Update,), facts=(65,), judge=judge)
