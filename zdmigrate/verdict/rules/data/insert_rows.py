"""ZD401: rows are inserted."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import Insert
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.data.values import Misfit, Stranger, largest_integer, named, strangers
from zdmigrate.verdict.rules.names import doubt, not_known
from zdmigrate.verdict.rules.origin import Target, target
from zdmigrate.verdict.rules.wording import listed, quoted, steps

ID = "ZD401"


def judge(subject: Insert, context: Context) -> Iterator[Finding]:
    """A row is harmless when old code could have written it itself."""
    if subject.from_select or subject.verb == "REPLACE" or subject.on_duplicate:
        return
    yield from inserted(ID, subject, context)


def inserted(rule: str, node: Insert, context: Context) -> Iterator[Finding]:
    """What the new rows are to old code; shared with the rule for upserts, whose new rows are judged alike."""
    where = target(context, node.table)
    if where.temporary or where.new:
        yield _on_new_table(rule, node, where)
        return
    if not context.old_code.maps_table(where.old_name):
        yield Finding(
            rule,
            Verdict.SAFE,
            Verdict.CONDITIONAL,
            Phase.EXPAND,
            f"Old code does not map {where.old_name}: it does not see the new rows.",
            new_conditions=(_rows_first(node.table),),
            table=node.table,
            evidence=context.old_code.quote(where.old_name),
        )
        return
    if where.now is None and context.before.complete and (why := doubt(node.table, context)):
        yield not_known(rule, f"{node.verb} INTO {node.table}: {why}. What old code makes of the rows is not known.")
        return
    found = list(strangers(where, node.rows, context))
    last = _last_id(node, where, context)
    if last:
        yield _out_of_numbers(rule, node, where, last)
    elif not found:
        yield _plain(rule, node, where)
    for stranger in found:
        yield _strange(rule, node, where, stranger)


def _last_id(node: Insert, where: Target, context: Context) -> str:
    """The AUTO_INCREMENT column, when a row takes the largest number it can give; "" else."""
    for column in () if where.now is None else where.now.columns:
        largest = largest_integer(column.type) if column.auto_increment else 0
        given = dict(context.session.variables).get("insert_id", "")
        if largest and given.isdigit() and int(given) >= largest:
            return column.name
        for row in node.rows if largest else ():
            for place, item in enumerate(row):
                value = item.literal
                if isinstance(value, str) and value.isdigit():
                    value = int(value)
                taken = isinstance(value, int) and value >= largest
                if taken and named(where, item, place).lower() == column.name.lower():
                    return column.name
    return ""


def _out_of_numbers(rule: str, node: Insert, where: Target, column: str) -> Finding:
    return Finding(
        rule,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"A row takes the largest number that {node.table}.{column} holds: AUTO_INCREMENT has none left, and the next "
        "INSERT of old code fails with 1062 or 1467.",
        remedy=steps(
            ("expand", f"give the row another {column}, near those that are there (or 0, where 0 is free)"),
            ("contract", "this row, once no code counts on AUTO_INCREMENT there"),
        ),
        table=node.table,
        column=column,
    )


def _rows_first(table: str) -> Condition:
    return Condition(
        "rows-before-code", "order", f"New code that counts on these rows of {table} is deployed after them."
    )


def _on_new_table(rule: str, node: Insert, where: Target) -> Finding:
    if where.temporary:
        return Finding(
            rule,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.NEUTRAL,
            f"{node.table} is a temporary table of the migration's own session.",
            table=node.table,
        )
    return Finding(
        rule,
        Verdict.SAFE,
        Verdict.CONDITIONAL,
        Phase.EXPAND,
        f"{node.table} is created in this release: old code does not read it.",
        new_conditions=(_rows_first(node.table),),
        table=node.table,
    )


def _plain(rule: str, node: Insert, where: Target) -> Finding:
    reason = (
        f"Old code could have written these rows into {node.table} itself: every value fits the columns as it knows "
        f"them. If it knows all rows of {node.table} by heart (a lookup table mirrored in a Python enum), it meets "
        "ones it does not."
    )
    if not node.columns:
        reason += " The INSERT names no columns: it breaks as soon as a column is added or moved."
    key = where.now.primary_key if where.now is not None else None
    again = f'op.execute("INSERT IGNORE INTO {quoted(node.table)} (...) VALUES (...)")'
    return Finding(
        rule,
        Verdict.SAFE,
        Verdict.CONDITIONAL,
        Phase.EXPAND,
        reason,
        remedy="" if node.ignore or key is None else steps(("expand", f"to be able to run it twice: {again}")),
        new_conditions=(_rows_first(node.table),),
        table=node.table,
    )


def _strange(rule: str, node: Insert, where: Target, stranger: Stranger) -> Finding:
    place = f"{where.old_name}.{stranger.column}"
    match stranger.misfit:
        case Misfit.MEMBER:
            return Finding(
                rule,
                Verdict.UNSAFE,
                Verdict.SAFE,
                Phase.CONTRACT,
                f"{stranger.value} is no member of {place} as old code knows it: a SELECT of old code that meets the "
                "row raises LookupError in its SQLAlchemy Enum, whole pages of results with it.",
                remedy=steps(
                    ("expand", f"append {stranger.value} to the ENUM of {place}, and release code that accepts it"),
                    ("deploy", "wait until no node runs older code"),
                    ("contract", f"insert the rows with {stranger.value}"),
                ),
                table=node.table,
                column=stranger.column,
            )
        case Misfit.NULL:
            name, text = (
                "tolerates-null",
                f"Old code copes with NULL in {place}, which was NOT NULL when it was written.",
            )
            reason = f"{place} was NOT NULL when old code was written: it may not expect the NULL of these rows."
        case Misfit.SIZE:
            name = "reads-wide-values"
            text = (
                f"Old code copes with {stranger.value} in {place}, which could not hold it when old code was written."
            )
            reason = f"{stranger.value} is longer or larger than {place} allowed when old code was written."
        case Misfit.UNSEEN:
            name = "values-fit-old-code"
            text = f"What is written into {place} is a value that the column already held when old code was written."
            reason = (
                f"This release widens {place}, and the value written there is not in the statement: old code may not "
                "be able to read it (LookupError for an unknown ENUM member)."
            )
    return Finding(
        rule,
        Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.EXPAND,
        reason,
        remedy=steps(
            ("expand", f"release code that reads such values of {listed([place])}"),
            ("deploy", "wait until no node runs older code"),
            ("contract", f"insert the rows into {node.table}"),
        ),
        conditions=(Condition(name, "code", text),),
        table=node.table,
        column=stranger.column,
    )


RULE = Rule(id=ID, title="rows inserted", on=(Insert,), facts=(63,), judge=judge)
