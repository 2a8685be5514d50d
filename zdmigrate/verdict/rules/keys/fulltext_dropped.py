"""ZD306: a FULLTEXT index is dropped."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Key
from zdmigrate.verdict.differences import KeyDropped
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.code import op_drop_key, parts_text
from zdmigrate.verdict.rules.keys.coverage import covering, renamed
from zdmigrate.verdict.rules.origin import living
from zdmigrate.verdict.rules.wording import steps

ID = "ZD306"


def judge(subject: KeyDropped, context: Context) -> Iterator[Finding]:
    """MATCH ... AGAINST needs a FULLTEXT index on exactly its columns."""
    if subject.key.kind == "fulltext":
        yield lost_fulltext_finding(ID, subject.table, subject.key, context, with_columns=subject.with_columns)


def lost_fulltext_finding(rule: str, table: str, key: Key, context: Context, *, with_columns: bool = False) -> Finding:
    """What it is to old code that FULLTEXT index `key` is gone; shared with the rule for changed keys."""
    parts, column = parts_text(key), key.columns[0] if len(key.columns) == 1 else None
    twin = covering(renamed(key, table, context), living(context.after, context, table))
    evidence = _unmapped(table, key, context)
    safe = ""
    if with_columns:
        safe = f"The FULLTEXT index {key.name} goes with its columns: the drop of the columns decides."
    elif twin is not None:
        safe = f"The FULLTEXT index {twin.name} on the same columns ({parts}) goes on serving MATCH ({parts})."
    elif evidence:
        safe = (
            f"Old code does not map all columns of the FULLTEXT index {key.name} on {table}({parts}), so it has no "
            f"MATCH ({parts})."
        )
    if safe:
        phase = Phase.NEUTRAL if twin is not None and not with_columns else Phase.CONTRACT
        return Finding(rule, Verdict.SAFE, Verdict.SAFE, phase, safe, table=table, column=column, evidence=evidence)
    return Finding(
        rule,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"The FULLTEXT index {key.name} on {table}({parts}) serves one thing: SELECT ... MATCH ({parts}) AGAINST "
        "(...), which fails in old code with 1191 Can't find FULLTEXT index matching the column list.",
        remedy=steps(
            ("expand", f"release code without MATCH ({parts}) on {table}"),
            ("deploy", "wait until no node runs older code"),
            ("contract", op_drop_key(table, key)),
        ),
        table=table,
        column=column,
    )


def _unmapped(table: str, key: Key, context: Context) -> str:
    old_code = context.old_code
    if not old_code.proven:
        return ""
    if not old_code.maps_table(table):
        return old_code.quote(table)
    missing = next((name for name in key.columns if not old_code.maps_column(table, name)), None)
    return "" if missing is None else old_code.quote(table, missing)


RULE = Rule(id=ID, title="FULLTEXT index dropped", on=(KeyDropped,), facts=(51, 52), judge=judge)
