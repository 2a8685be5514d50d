"""ZD322: a foreign key is dropped."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ForeignKeyDropped
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.code import op_drop_constraint
from zdmigrate.verdict.rules.keys.parents import REFUSING, on_parent_delete, on_parent_update, twin_after_rename
from zdmigrate.verdict.rules.origin import columns_going
from zdmigrate.verdict.rules.wording import listed, steps

ID = "ZD322"


def judge(subject: ForeignKeyDropped, context: Context) -> Iterator[Finding]:
    """Every write succeeds as before; but what the server did for old code, it no longer does."""
    table, foreign_key = subject.table, subject.foreign_key
    parent, columns = foreign_key.ref_table, ", ".join(foreign_key.columns)
    name = foreign_key.name or f"the foreign key of {table}({columns})"
    twin = twin_after_rename(context, table, foreign_key)
    acts = {
        f"ON DELETE {foreign_key.on_delete}": foreign_key.on_delete not in REFUSING,
        f"ON UPDATE {foreign_key.on_update}": foreign_key.on_update not in REFUSING,
    }
    doing = [action for action, does in acts.items() if does and not action.endswith("SET DEFAULT")]
    evidence = ""
    phase = Phase.CONTRACT if columns_going(context, table, foreign_key.columns) else Phase.EXPAND
    if twin is not None:
        phase = Phase.NEUTRAL
        reason = f"{twin.name} says of the same columns what {name} said: old code notices nothing."
    elif not doing:
        reason = (
            f"Every write that {name} let pass still succeeds; orphans in {table}({columns}) and deletes of {parent} "
            "rows with children are no longer refused (1452, 1451)."
        )
    elif not context.old_code.maps_table(parent):
        evidence = context.old_code.quote(parent)
        reason = f"Old code does not map {parent}, so it starts no {listed(doing)} of {name}."
    else:
        yield Finding(
            ID,
            Verdict.UNSAFE,
            Verdict.SAFE,
            Phase.CONTRACT,
            f"Old code may count on {listed(doing)} of {name}: with it a DELETE of a {parent} row "
            f"{on_parent_delete(table, foreign_key)}, and an UPDATE of its {', '.join(foreign_key.ref_columns)} "
            f"{on_parent_update(table, foreign_key)}. Without it the same statement succeeds and leaves rows of "
            f"{table} that point at nothing; no error tells.",
            remedy=steps(
                ("expand", f"release code that deletes or detaches rows of {table} itself before it touches {parent}"),
                ("deploy", "wait until no node runs older code"),
                ("contract", op_drop_constraint(table, foreign_key.name, "foreignkey")),
            ),
            table=table,
            column=foreign_key.columns[0] if len(foreign_key.columns) == 1 else None,
        )
        return
    yield Finding(
        ID,
        Verdict.SAFE,
        Verdict.SAFE,
        phase,
        reason,
        table=table,
        column=foreign_key.columns[0] if len(foreign_key.columns) == 1 else None,
        evidence=evidence,
    )


RULE = Rule(id=ID, title="foreign key dropped", on=(ForeignKeyDropped,), facts=(56,), judge=judge)
