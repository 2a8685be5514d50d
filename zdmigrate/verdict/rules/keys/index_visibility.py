"""ZD308: an index is hidden from the optimizer, or shown to it again."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import KeyChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.code import noun, op_hide_index, parts_text
from zdmigrate.verdict.rules.keys.coverage import covering
from zdmigrate.verdict.rules.origin import living
from zdmigrate.verdict.rules.wording import steps

ID = "ZD308"


def judge(subject: KeyChanged, context: Context) -> Iterator[Finding]:
    """A hidden index still forbids duplicates, but serves no query."""
    key, table = subject.after, subject.table
    if subject.before.visible == key.visible:
        return
    word = "IGNORED" if context.target.is_mariadb else "INVISIBLE"
    column = key.columns[0] if len(key.columns) == 1 else None
    if key.visible:
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.EXPAND,
            f"The optimizer may use {noun(key)} on {table}({parts_text(key)}) again: plans may change, results do not.",
            table=table,
            column=column,
        )
        return
    cover = covering(key, living(context.after, context, table))
    if cover is not None:
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.NEUTRAL,
            f"{key.name} becomes {word}; {noun(cover)} on {table}({parts_text(cover)}) serves its queries.",
            table=table,
            column=column,
        )
        return
    still = " It goes on refusing duplicates (1062)." if key.unique else ""
    yield Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"{noun(key)[0].upper()}{noun(key)[1:]} on {table}({parts_text(key)}) becomes {word}: statements of old code "
        f"that found rows by it may scan the table, and index hints that name it fail.{still} This is the step to "
        "take before a drop: it is undone in an instant.",
        remedy=steps(
            ("contract", op_hide_index(table, key.name, context.target)),
            ("contract", f"to undo: {op_hide_index(table, key.name, context.target, visible=True)}"),
        ),
        conditions=(
            Condition(
                "no-plan-depends-on-it",
                "workload",
                f"No query of old code that matters for speed finds rows of {table} by {key.name}"
                + (f", and none uses MATCH ({parts_text(key)})." if key.kind == "fulltext" else "."),
            ),
        ),
        table=table,
        column=column,
    )


RULE = Rule(id=ID, title="index hidden or shown", on=(KeyChanged,), facts=(52,), judge=judge)
