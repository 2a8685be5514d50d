"""ZD543: another default database."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import Use
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.wording import steps

ID = "ZD543"


def judge(subject: Use, context: Context) -> Iterator[Finding]:
    """Names without a schema mean other tables from here on."""
    condition = Condition(
        "same-database", "person", f"{subject.name} is the database that the migration is connected to anyway."
    )
    yield Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.NEUTRAL,
        f"After USE {subject.name}, table names without a schema mean tables of {subject.name}, alembic_version "
        "included. They were judged as tables of the database connected to.",
        remedy=steps(
            ("expand", f"take USE out, and write {subject.name}.<table>, or schema={subject.name!r} in op calls")
        ),
        conditions=(condition,),
        new_conditions=(condition,),
    )


RULE = Rule(id=ID, title="default database changed", on=(Use,), facts=(), judge=judge)
