"""ZD305: a plain or SPATIAL index is dropped."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Key
from zdmigrate.verdict.differences import KeyDropped
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.code import noun, op_create_key, op_drop_key, op_hide_index, parts_text
from zdmigrate.verdict.rules.keys.coverage import covering, foreign_keys_needing, renamed
from zdmigrate.verdict.rules.origin import living
from zdmigrate.verdict.rules.wording import listed, steps

ID = "ZD305"


def judge(subject: KeyDropped, context: Context) -> Iterator[Finding]:
    """No result changes, but a plan of old code may collapse."""
    if subject.key.kind in ("index", "spatial"):
        yield lost_index_finding(ID, subject.table, subject.key, context, with_columns=subject.with_columns)


def lost_index_finding(rule: str, table: str, key: Key, context: Context, *, with_columns: bool = False) -> Finding:
    """What it is to old code that no query can use `key` any more; shared with the rule for changed keys."""
    parts, column = parts_text(key), key.columns[0] if len(key.columns) == 1 else None
    if with_columns:
        return _safe(
            rule, table, column, Phase.CONTRACT, f"{noun(key)} goes with its columns: the drop of the columns decides."
        )
    current = renamed(key, table, context)
    cover = covering(current, living(context.after, context, table))
    if cover is not None:
        return _safe(
            rule,
            table,
            column,
            Phase.NEUTRAL,
            f"{noun(cover)} on {table}({parts_text(cover)}) begins with the columns of {key.name} and serves its "
            f"queries, except those that name {key.name} in an index hint (1176).",
        )
    unused = _unused(table, key, context)
    if unused:
        return _safe(
            rule,
            table,
            column,
            Phase.CONTRACT,
            f"No query of old code can use {noun(key)} on {table}({parts}): it does not map what that begins with.",
            evidence=unused,
        )
    reason = (
        f"Every statement of old code gives the same result without {noun(key)} on {table}({parts}), but one that "
        "found its rows by it may now scan the table; index hints that name it fail with 1176."
    )
    needing = sorted({foreign_key.name for foreign_key in foreign_keys_needing(current, table, context)})
    lines: list[tuple[str, str]] = []
    if needing:
        reason += f" The server refuses the drop (1553) as long as no other index serves {listed(needing)}."
    elif key.kind == "index":
        lines.append(("contract", op_hide_index(table, key.name, context.target)))
        undo = op_hide_index(table, key.name, context.target, visible=True)
        lines.append(("contract", f"watch the slow log for a business cycle; to undo at once: {undo}"))
    lines.append(("contract", op_drop_key(table, key)))
    if needing:
        lines.insert(0, ("expand", op_create_key(table, Key(f"{key.name}_new", "index", key.parts))))
    return Finding(
        rule,
        Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.CONTRACT,
        reason,
        remedy=steps(*lines),
        conditions=(
            Condition(
                "no-plan-depends-on-it",
                "workload",
                f"No query of old code that matters for speed finds rows of {table} by {key.name} ({parts}), and none "
                "names it in an index hint.",
            ),
        ),
        table=table,
        column=column,
    )


def _unused(table: str, key: Key, context: Context) -> str:
    """The proof that old code does not map what the index begins with, or ""."""
    old_code, first = context.old_code, key.parts[0] if key.parts else None
    if not old_code.proven:
        return ""
    if not old_code.maps_table(table):
        return old_code.quote(table)
    if first is not None and first.column is not None and not old_code.maps_column(table, first.column):
        return old_code.quote(table, first.column)
    return ""


def _safe(rule: str, table: str, column: str | None, phase: Phase, reason: str, *, evidence: str = "") -> Finding:
    text = reason[0].upper() + reason[1:]
    return Finding(rule, Verdict.SAFE, Verdict.SAFE, phase, text, table=table, column=column, evidence=evidence)


RULE = Rule(id=ID, title="index dropped", on=(KeyDropped,), facts=(52,), judge=judge)
