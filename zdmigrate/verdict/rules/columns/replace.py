"""ZD206: a column is dropped and another of the same name added."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnReplaced
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, generated_write_error, loosely, unmapped
from zdmigrate.verdict.rules.wording import op_add_column, op_drop_column, sa_column, sql_type, steps
from zdmigrate.verdict.types import compare_types


def judge(replaced: ColumnReplaced, context: Context) -> Iterator[Finding]:
    """The values are gone; a generated successor refuses old code's writes."""
    before, after = replaced.before, replaced.after
    where = at(replaced.table, before)
    evidence = unmapped(replaced.table, before.name, context)
    same_sort = compare_types(before.type, after.type).lossless
    new = Verdict.SAFE if after.generated is not None or same_sort else Verdict.UNSAFE
    phase = Phase.CONTRACT if after.generated is not None else Phase.SPLIT
    if evidence and (after.insert_may_omit or not context.old_code.maps_table(replaced.table)):
        old, phase = Verdict.SAFE, Phase.EXPAND
        reason = f"No deployed version maps {where}. It is dropped and added again: its values are gone for good."
    elif evidence:
        old = Verdict.UNSAFE
        reason = (
            f"No deployed version maps {where}, so INSERTs leave it out, and it comes back NOT NULL without a default: "
            f"they fail with 1364.{loosely(context)}"
        )
    elif after.generated is not None:
        old = Verdict.UNSAFE
        reason = (
            f"{where} comes back as a generated column: old code's INSERT and UPDATE, which name it, fail with "
            f"{generated_write_error(context)} (value specified for generated column '{after.name}')."
        )
    else:
        old = Verdict.UNSAFE
        reason = (
            f"{where} is dropped and added again as {sql_type(after.type)}: every value old code stored is gone, and "
            "between two statements it does not exist (1054)."
        )
    name = f"{before.name}_new"
    yield Finding(
        RULE.id,
        old,
        new,
        phase,
        reason,
        ""
        if old is Verdict.SAFE
        else steps(
            ("expand", op_add_column(replaced.table, sa_column(after).replace(f'"{after.name}"', f'"{name}"', 1))),
            ("deploy", f"the version that writes both {before.name} and {name}"),
            ("migrate", f"fill {name} from {before.name} in batches"),
            ("deploy", f"the version that maps only {name}"),
            ("contract", op_drop_column(replaced.table, before.name)),
        ),
        table=replaced.table,
        column=before.name,
        evidence=evidence,
    )


RULE = Rule("ZD206", "column dropped and added again", (ColumnReplaced,), (21, 35, 45), judge)
