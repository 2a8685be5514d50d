"""ZD208: a nullable column becomes NOT NULL."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, changed_here, loosely, null_rows_error
from zdmigrate.verdict.rules.wording import op_alter_column, quoted, steps


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Unsafe while old code may write NULL, or leave the column out with no default to fill it."""
    before, after = change.before, change.after
    here = changed_here(change, context) & {"nullable", "default", "auto_increment", "generated"}
    if not (before.nullable and not after.nullable) or not here:
        return
    if (before.generated is None) != (after.generated is None):
        return  # ZD224 and ZD225 judge that
    old_code, where = context.old_code, at(change.table, before)
    problems = []
    if after.generated is None and old_code.may_write_null(change.table, before):
        problems.append(f"writes of NULL fail with 1048 (Column '{after.name}' cannot be null)")
    if not after.insert_may_omit and old_code.may_omit(change.table, before):
        problems.append(f"INSERTs that leave it out fail with 1364 (Field '{after.name}' doesn't have a default value)")
    fill = f"UPDATE {quoted(change.table)} SET {quoted(before.name)} = ... WHERE {quoted(before.name)} IS NULL"
    rows = (
        f"A row that holds NULL makes the ALTER itself fail ({null_rows_error(context)}): look with "
        f"SELECT 1 FROM {quoted(change.table)} WHERE {quoted(before.name)} IS NULL LIMIT 1."
    )
    if problems:
        reason = f"Old code may leave {where} NULL: its {' and its '.join(problems)}."
        if after.default is not None and after.generated is None:
            reason += " The DEFAULT does not help an ORM, which sends NULL explicitly."
        yield Finding(
            RULE.id,
            Verdict.UNSAFE,
            Verdict.SAFE,
            Phase.CONTRACT,
            f"{reason}{loosely(context)} {rows}",
            steps(
                ("deploy", f"the version that never writes NULL to {where} and names it in every INSERT"),
                ("migrate", f"{fill}, in batches"),
                ("contract", op_alter_column(change.table, before, nullable="False")),
            ),
            table=change.table,
            column=before.name,
        )
        return
    yield Finding(
        RULE.id,
        Verdict.SAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"No deployed version writes NULL to {where} or leaves it out without a default. {rows}",
        table=change.table,
        column=before.name,
        evidence=old_code.quote(change.table, before.name),
    )


RULE = Rule("ZD208", "column becomes NOT NULL", (ColumnChanged,), (27,), judge)
