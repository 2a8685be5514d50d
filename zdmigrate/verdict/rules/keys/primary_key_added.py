"""ZD310: a primary key on a table of the base schema that has none."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Key
from zdmigrate.verdict.differences import KeyAdded
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.code import duplicates_query, nulls_query, op_create_key, parts_text
from zdmigrate.verdict.rules.keys.unique_added import unique_finding
from zdmigrate.verdict.rules.keys.uniqueness import Collision, uniqueness
from zdmigrate.verdict.rules.origin import base_column, living
from zdmigrate.verdict.rules.wording import listed, steps

ID = "ZD310"


def judge(subject: KeyAdded, context: Context) -> Iterator[Finding]:
    """A primary key refuses duplicates (1062) and NULL (1048)."""
    if subject.key.kind == "primary":
        yield primary_finding(ID, subject.table, subject.key, context)


def primary_finding(rule: str, table: str, key: Key, context: Context, *, narrows: bool = False) -> Finding:
    """What a primary key that did not hold before does to old code; shared with the rule for changed primary keys.

    With `narrows` the key before had more columns: old code has rows that differ in those alone, as with any UNIQUE.
    """
    found = uniqueness(table, key, context)
    parts = parts_text(key)
    nullable = [
        column.name
        for name in key.columns
        if (column := base_column(context, table, name)) is not None and column.nullable
    ]
    if found.collision is Collision.SAME_VALUE:
        return unique_finding(rule, table, key, context)
    if found.collision is Collision.KEPT_BY and not nullable:
        return Finding(
            rule,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.EXPAND,
            f"The primary key on {table}({parts}) refuses nothing new: {found.name} already refuses duplicates there, "
            "and no column of it may be NULL.",
            table=table,
        )
    if found.collision is Collision.DISTINCT:
        return _numbered(rule, table, key, found.name)
    if narrows:
        return unique_finding(rule, table, key, context)
    conditions = _conditions(table, key, nullable, context)
    return Finding(
        rule,
        Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"A primary key on {table}({parts}) refuses what old code could write before: a second row with the same "
        f"({parts}) fails with 1062 Duplicate entry"
        + (f", NULL in {listed(nullable)} with 1048" if nullable else "")
        + ". The ALTER fails with 1062 when duplicates are there.",
        remedy=steps(
            ("expand", f"release code that writes a distinct ({parts}) into every row of {table}"),
            ("deploy", "wait until no node runs older code"),
            *(("migrate", f"clean until this returns no row: {item.proof}") for item in conditions if item.proof),
            ("contract", op_create_key(table, key)),
        ),
        conditions=conditions,
        table=table,
        column=key.columns[0] if len(key.columns) == 1 else None,
        evidence=found.evidence,
    )


def _conditions(table: str, key: Key, nullable: list[str], context: Context) -> tuple[Condition, ...]:
    parts, now = parts_text(key), living(context.after, context, table)
    found = [
        Condition(
            "no-duplicates",
            "data",
            f"No two rows of {table} hold the same ({parts}).",
            duplicates_query(table, key, now),
        ),
        Condition(
            "no-duplicate-writes", "code", f"Old code never writes a ({parts}) into {table} that is there already."
        ),
    ]
    if nullable:
        proof = nulls_query(table, nullable)
        found.append(Condition("no-nulls", "data", f"No row of {table} holds NULL in {listed(nullable, 'or')}.", proof))
    may_write = [
        name
        for name in nullable
        if (column := base_column(context, table, name)) and context.old_code.may_write_null(table, column)
    ]
    if may_write:
        text = f"Old code never writes NULL into {listed(may_write, 'or')} of {table}, and never leaves it out (1364)."
        found.append(Condition("no-null-writes", "code", text))
    return tuple(found)


def _numbered(rule: str, table: str, key: Key, column: str) -> Finding:
    return Finding(
        rule,
        Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"Old code does not know {column}: the server numbers its rows, and no INSERT collides. But the ALTER "
        f"rebuilds {table} and each server numbers the rows that are there in its own order, so replicas may give one "
        "row different numbers.",
        remedy=steps(
            ("expand", f"create a new table with {column} and the columns of {table}, and write to both"),
            ("migrate", "copy the rows, in batches ordered by a key"),
            ("contract", "RENAME TABLE both in one statement once no node runs older code"),
        ),
        conditions=(
            Condition(
                "same-numbers-on-replicas",
                "order",
                f"{table} is empty, or no replica numbers its rows by itself, or all are rebuilt from the primary "
                "after.",
            ),
        ),
        table=table,
        column=column,
    )


RULE = Rule(id=ID, title="primary key added", on=(KeyAdded,), facts=(14, 59), judge=judge)
