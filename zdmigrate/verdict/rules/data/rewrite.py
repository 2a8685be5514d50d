"""ZD406: an UPDATE of values old code reads."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import Update
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.data.values import Misfit
from zdmigrate.verdict.rules.data.writes import Effect, Write, writes
from zdmigrate.verdict.rules.wording import listed, op_execute, quoted, steps

ID = "ZD406"


def judge(subject: Update, context: Context) -> Iterator[Finding]:
    """Old code finds other values than it wrote, and takes them by its own meaning."""
    found = list(writes(subject, context))
    rewritten = [item for item in found if item.effect is Effect.REWRITE]
    if rewritten:
        yield _finding(rewritten)
    for item in found:
        if item.effect is Effect.UNCERTAIN:
            yield Finding(
                ID,
                Verdict.UNKNOWN,
                Verdict.SAFE,
                Phase.MIGRATE,
                f"{item.place} is set to {item.value}. If this release adds the column, old code does not read it; if "
                "old code knows it, its values are replaced. Which it is was never seen: the definition of "
                f"{item.target.name} is missing.",
                remedy="Give the schema old code was written for: --schema dump.sql (from mysqldump --no-data), "
                "--metadata pkg.module:Base.metadata, or --url to read it from a server.",
                table=item.target.name,
                column=item.column,
            )
    if not found:
        yield Finding(
            ID,
            Verdict.UNKNOWN,
            Verdict.UNKNOWN,
            Phase.NEUTRAL,
            f"This UPDATE of {listed(subject.tables) or 'an unnamed table'} sets columns that could not be read from "
            "it.",
            remedy="Write the UPDATE with a plain SET column = value list, or run `zdmigrate prove` on it.",
            table=subject.tables[0] if len(subject.tables) == 1 else None,
        )


def _finding(rewritten: list[Write]) -> Finding:
    first = rewritten[0]
    table, places = first.target.name, listed(dict.fromkeys(item.place for item in rewritten))
    reason = (
        f"Values of {places} that old code wrote, and reads, are replaced: it takes the new ones by its own meaning, "
        "and may write old ones after the UPDATE has passed the row. The old values are lost."
    )
    for item in rewritten:
        reason += strange(item)
    columns = dict.fromkeys(item.column for item in rewritten if item.target.name == table)
    set_list = ", ".join(quoted(f"{name}_new") + " = ..." for name in columns)
    fill = f"UPDATE {quoted(table)} SET {set_list} WHERE ..."
    added = listed(dict.fromkeys(f"{item.place}_new" for item in rewritten))
    return Finding(
        ID,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        reason,
        remedy=steps(
            ("expand", f"add {added}, nullable"),
            ("deploy", f"code that writes both, and reads {added} where it is filled"),
            ("migrate", f"in batches: {op_execute(fill)}"),
            (
                "contract",
                f"drop {places} once no node runs older code (or run this very UPDATE then, if old and new code may "
                "share the column)",
            ),
        ),
        table=table,
        column=first.column if len(rewritten) == 1 else None,
    )


def strange(item: Write) -> str:
    """A sentence on a value that old code cannot hold or decode; "" when it can."""
    match item.stranger:
        case Misfit.MEMBER:
            return (
                f" {item.value} is no member of {item.place} as old code knows it: reading such a row raises "
                "LookupError in a SQLAlchemy Enum."
            )
        case Misfit.NULL:
            return f" {item.place} was NOT NULL: old code does not expect NULL there."
        case Misfit.SIZE:
            return f" {item.value} is longer or larger than {item.place} was when old code was written."
        case _:
            return ""


RULE = Rule(id=ID, title="UPDATE of values old code reads", on=(Update,), facts=(66,), judge=judge)
