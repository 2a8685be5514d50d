"""ZD532: a whole database is created, altered or dropped."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import ChangeDatabase
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.wording import op_execute, quoted, steps

ID = "ZD532"


def judge(subject: ChangeDatabase, context: Context) -> Iterator[Finding]:
    """DROP takes everything; ALTER changes defaults of tables to come."""
    name = subject.name or "the current database"
    match subject.verb:
        case "CREATE":
            reason = f"Old code does not know the database {name}."
            yield Finding(ID, Verdict.SAFE, Verdict.SAFE, Phase.EXPAND, reason)
        case "DROP":
            yield Finding(
                ID,
                Verdict.UNSAFE,
                Verdict.SAFE,
                Phase.CONTRACT,
                f"Every table of {name} and every row in it is gone: statements of old code fail with 1049 (Unknown "
                "database) or 1146.",
                remedy=steps(
                    ("expand", f"release code that uses nothing of {name}"),
                    ("deploy", "wait until no node runs older code"),
                    ("contract", f"after a backup: {op_execute(f'DROP DATABASE {quoted(subject.name)}')}"),
                ),
            )
        case "ALTER":
            yield _altered(subject, name)


def _altered(node: ChangeDatabase, name: str) -> Finding:
    read_only = {key.lower().replace("_", " "): value for key, value in node.options}.get("read only", "0")
    if read_only.upper() in ("1", "ON"):
        return Finding(
            ID,
            Verdict.UNSAFE,
            Verdict.UNSAFE,
            Phase.CONTRACT,
            f"READ ONLY = 1 refuses every write of old code to {name} with 3989.",
            remedy=steps(("contract", f"make {name} read-only once nothing writes to it")),
        )
    return Finding(
        ID,
        Verdict.SAFE,
        Verdict.SAFE,
        Phase.NEUTRAL,
        f"The defaults of {name} change for tables that are created later; those that are there keep their own.",
    )


RULE = Rule(id=ID, title="database created, altered or dropped", on=(ChangeDatabase,), facts=(), judge=judge)
