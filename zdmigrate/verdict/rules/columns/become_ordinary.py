"""ZD225: a generated column becomes an ordinary one."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import (
    always_written,
    at,
    changed_here,
    generated_write_error,
    loosely,
    unmapped,
    untouched,
)
from zdmigrate.verdict.rules.wording import steps


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Old code never writes it: NULL, or 1364 where it must have a value."""
    before, after = change.before, change.after
    here = changed_here(change, context) & {"generated", "nullable", "default"}
    if before.generated is None or after.generated is not None or not here:
        return
    where = at(change.table, before)
    evidence = untouched(change.table, context) or always_written(change.table, before, context)
    conditions: tuple[Condition, ...] = ()
    if evidence:
        old = Verdict.SAFE
        reason = f"Every INSERT of the deployed versions names {where} or leaves the table alone."
    elif not after.insert_may_omit:
        old = Verdict.UNSAFE
        reason = (
            f"Old code never writes {where}, which the server computed; now it is NOT NULL without a default and its "
            f"INSERTs fail with 1364 (Field '{after.name}' doesn't have a default value).{loosely(context)}"
        )
    elif evidence := unmapped(change.table, before.name, context):
        old = Verdict.SAFE
        reason = f"No deployed version reads {where}."
    else:
        old = Verdict.CONDITIONAL
        reason = (
            f"Old code never writes {where}, which the server computed: rows it inserts hold "
            f"{'the default' if after.default else 'NULL'} there, and rows it updates keep a value that is out of date."
        )
        conditions = (
            Condition(
                "writer-fills-column",
                "code",
                f"A trigger keeps {where} up to date for rows old code writes, or old code does not read it.",
            ),
        )
    yield Finding(
        RULE.id,
        old,
        Verdict.CONDITIONAL,
        Phase.EXPAND,
        f"{reason} New code that writes it fails on the old schema with {generated_write_error(context)}.",
        ""
        if old is Verdict.SAFE
        else steps(
            ("expand", f"add a plain nullable column beside {where}, filled by a trigger"),
            ("deploy", "the version that writes and reads the plain column"),
            ("contract", f"drop the trigger and {where}"),
        ),
        conditions=conditions,
        new_conditions=(
            Condition("new-code-does-not-write", "code", f"New code does not write {where} until this has run."),
        ),
        table=change.table,
        column=before.name,
        evidence=evidence,
    )


RULE = Rule("ZD225", "generated column becomes ordinary", (ColumnChanged,), (46,), judge)
