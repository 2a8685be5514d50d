"""ZD301: a unique key on a table old code writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from zdmigrate.history.catalog import Key
from zdmigrate.verdict.differences import KeyAdded
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.code import duplicates_query, op_create_key, parts_text
from zdmigrate.verdict.rules.keys.uniqueness import Collision, Uniqueness, uniqueness
from zdmigrate.verdict.rules.origin import added_column, living
from zdmigrate.verdict.rules.wording import op_add_column, op_alter_column, op_execute, quoted, sa_column, steps

ID = "ZD301"


def judge(subject: KeyAdded, context: Context) -> Iterator[Finding]:
    """A new unique key refuses (1062) rows that old code may write, unless they cannot collide."""
    if subject.key.kind == "unique":
        yield unique_finding(ID, subject.table, subject.key, context)


def unique_finding(rule: str, table: str, key: Key, context: Context) -> Finding:
    """What a unique key that did not hold before does to old code; shared with the rule for changed keys."""
    found = uniqueness(table, key, context)
    match found.collision:
        case Collision.KEPT_BY | Collision.NULL | Collision.DISTINCT:
            return _safe(rule, table, key, found)
        case Collision.NULL_UNTIL_WRITTEN:
            return _null_until_written(rule, table, key, found)
        case Collision.SAME_VALUE:
            return _same_value(rule, table, key, found.name, context)
        case Collision.UNMAPPED:
            return _unmapped(rule, table, key, found, context)
        case Collision.POSSIBLE:
            return _possible(rule, table, key, context)


def _safe(rule: str, table: str, key: Key, found: Uniqueness) -> Finding:
    why = {
        Collision.KEPT_BY: f"cannot collide: the key {found.name} is on a part of its columns and already refuses such "
        f"rows. If {found.name} goes, drop it after {key.name} stands or in the same ALTER",
        Collision.NULL: f"covers {found.name}, which this release adds: rows that old code wrote or writes hold NULL "
        "there, and NULLs never collide",
        Collision.DISTINCT: f"covers {found.name}, which this release adds and for which the server makes a value of "
        "its own for every row",
    }[found.collision]
    return Finding(
        rule,
        Verdict.SAFE,
        Verdict.SAFE,
        Phase.EXPAND,
        f"{key.name} on {table}({parts_text(key)}) {why}.",
        table=table,
        column=_column(key),
    )


def _null_until_written(rule: str, table: str, key: Key, found: Uniqueness) -> Finding:
    others = ", ".join(name for name in key.columns if name.lower() != found.name.lower()) or "the indexed expression"
    return Finding(
        rule,
        Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.EXPAND,
        f"{key.name} on {table}({parts_text(key)}) covers {found.name}, which this release adds: rows that old code "
        f"wrote hold NULL there and never collide. But when new code has filled {found.name}, old code that changes "
        f"{others} in such a row may fail with 1062 Duplicate entry.",
        conditions=(
            Condition(
                "no-colliding-updates",
                "code",
                f"Old code does not change {others} of a {table} row whose {found.name} is filled, to values that "
                "another row holds.",
            ),
        ),
        table=table,
        column=_column(key),
    )


def _unmapped(rule: str, table: str, key: Key, found: Uniqueness, context: Context) -> Finding:
    query = duplicates_query(table, key, living(context.after, context, table))
    return Finding(
        rule,
        Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"Old code never writes {table}({parts_text(key)}), so it cannot collide under {key.name}; but the ALTER "
        "itself fails with 1062 Duplicate entry when the rows that are there hold duplicates.",
        remedy=steps(
            ("migrate", f"remove the duplicates; none are left when this returns no row: {query}"),
            ("contract", op_create_key(table, key)),
        ),
        conditions=(
            Condition("no-duplicates", "data", f"No two rows of {table} hold the same ({parts_text(key)}).", query),
        ),
        table=table,
        column=_column(key),
        evidence=found.evidence,
    )


def _possible(rule: str, table: str, key: Key, context: Context) -> Finding:
    query = duplicates_query(table, key, living(context.after, context, table))
    return Finding(
        rule,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"Old code was written when {table}({parts_text(key)}) could hold the same values twice: an INSERT or UPDATE "
        f"that makes a duplicate fails with 1062 Duplicate entry for key {key.name}. The ALTER itself fails with 1062 "
        "when duplicates are there already, or are written while it runs.",
        remedy=steps(
            ("expand", f"release code that writes no duplicate ({parts_text(key)}) into {table}"),
            ("deploy", "wait until no node runs older code"),
            ("migrate", f"remove the duplicates; none are left when this returns no row: {query}"),
            ("contract", op_create_key(table, key)),
        ),
        table=table,
        column=_column(key),
    )


def _same_value(rule: str, table: str, key: Key, name: str, context: Context) -> Finding:
    column = added_column(context, table, name)
    lines: list[tuple[str, str]] = []
    if column is not None:
        lines.append(("expand", op_add_column(table, sa_column(replace(column, nullable=True, default=None)))))
    fill = f"UPDATE {quoted(table)} SET {quoted(name)} = ... WHERE {quoted(name)} IS NULL"
    lines += [
        ("deploy", f"code that writes a {name} of its own into every row"),
        ("migrate", f"{op_execute(fill)}  # another value for every row, in batches"),
        ("contract", op_create_key(table, key)),
    ]
    if column is not None and not column.nullable:
        lines.append(("contract", op_alter_column(table, replace(column, default=None), nullable="False")))
    value = "its default" if column is not None and column.default is not None else "the same empty value"
    return Finding(
        rule,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.SPLIT,
        f"{name} is added in this release and gets {value} in every row of {table}: with two rows there, {key.name} "
        f"cannot be made (1062 Duplicate entry); else the second INSERT of old code, which does not know {name}, "
        "fails with 1062.",
        remedy=steps(*lines),
        table=table,
        column=name,
    )


def _column(key: Key) -> str | None:
    return key.columns[0] if len(key.columns) == 1 else None


RULE = Rule(
    id=ID,
    title="unique key added",
    on=(KeyAdded,),
    facts=(12, 13, 49, 50),
    judge=judge,
)
