"""ZD230: a geometry column is bound to a spatial reference system, or freed from it."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, changed_here, unmapped
from zdmigrate.verdict.rules.wording import quoted, steps


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Values of another SRID are refused (3643)."""
    if "srid" not in change.aspects & changed_here(change, context):
        return
    before, after, where = change.before, change.after, at(change.table, change.before)
    if after.srid is None:
        yield Finding(
            RULE.id,
            Verdict.SAFE,
            Verdict.CONDITIONAL,
            Phase.EXPAND,
            f"{where} takes values of any SRID now; a spatial index on it is no longer used. New code that writes "
            "another "
            "SRID fails on the old schema with 3643.",
            new_conditions=(
                Condition(
                    "new-code-keeps-srid", "code", f"New code writes only SRID {before.srid} to {where} until then."
                ),
            ),
            table=change.table,
            column=before.name,
        )
        return
    evidence = unmapped(change.table, before.name, context)
    yield Finding(
        RULE.id,
        Verdict.SAFE if evidence else Verdict.UNSAFE,
        Verdict.SAFE if before.srid is None else Verdict.UNSAFE,
        Phase.CONTRACT if before.srid is None or evidence else Phase.SPLIT,
        f"No deployed version writes {where}."
        if evidence
        else f"{where} takes only values of SRID {after.srid}: old code that writes another one, or none, fails "
        "with 3643 "
        "(The SRID of the geometry does not match the SRID of the column), and so does the ALTER while a row holds "
        "one.",
        ""
        if evidence
        else steps(
            ("deploy", f"the version that writes SRID {after.srid} to {where}"),
            (
                "migrate",
                f"SELECT 1 FROM {quoted(change.table)} WHERE ST_SRID({quoted(before.name)}) <> {after.srid} LIMIT 1 "
                "must return no row",
            ),
            ("contract", "this change"),
        ),
        table=change.table,
        column=before.name,
        evidence=evidence,
    )


RULE = Rule("ZD230", "column SRID changed", (ColumnChanged,), (34,), judge)
