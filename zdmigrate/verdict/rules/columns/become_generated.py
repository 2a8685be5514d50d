"""ZD224: an ordinary column becomes a generated one."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, changed_here, generated_write_error
from zdmigrate.verdict.rules.wording import steps


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Unsafe while old code writes it."""
    before, after = change.before, change.after
    if before.generated is not None or after.generated is None or "generated" not in changed_here(change, context):
        return
    where, error = at(change.table, before), generated_write_error(context)
    old_code = context.old_code
    proven = old_code.proven and all(item.generated for item in context.old_code.mapped(change.table, before.name))
    yield Finding(
        RULE.id,
        Verdict.SAFE if proven else Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"No deployed version writes {where}. Its values are replaced by ({after.generated.expression})."
        if proven
        else f"{where} becomes GENERATED ALWAYS AS ({after.generated.expression}): INSERT and UPDATE of old code "
        "that name "
        f"it fail with {error} (value specified for generated column '{after.name}'), and the values it wrote are "
        "replaced.",
        ""
        if proven
        else steps(
            (
                "deploy",
                f'the version that maps {where} as sa.Computed("{after.generated.expression}") and never writes it',
            ),
            ("contract", "this change"),
        ),
        table=change.table,
        column=before.name,
        evidence=old_code.quote(change.table, before.name) if proven else "",
    )


RULE = Rule("ZD224", "column becomes generated", (ColumnChanged,), (45,), judge)
