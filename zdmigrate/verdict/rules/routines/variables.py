"""ZD541: a variable of the session, or of the whole server, is set."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import SetVariable
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.wording import steps

ID = "ZD541"

_OFF = ("0", "OFF", "FALSE")
#: Server variables that refuse writes when they are on, and the error.
_REFUSING = {"read_only": "1290", "super_read_only": "1290", "offline_mode": "3032", "transaction_read_only": "1792"}


def judge(subject: SetVariable, context: Context) -> Iterator[Finding]:
    """What the session sets ends with it; what the server is told stays."""
    name, value = subject.name.lower(), subject.value.strip().strip("'\"").upper()
    if subject.scope in ("global", "persist"):
        yield _server(subject, name, value)
    elif subject.scope == "session" and name == "sql_log_bin" and value in _OFF:
        yield _not_logged()
    else:
        yield Finding(ID, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, _session(subject, name, value, context))


def _session(node: SetVariable, name: str, value: str, context: Context) -> str:
    if node.scope == "user":
        return f"The user variable {node.name} belongs to the migration's own session."
    reason = (
        f"{name} is set for the migration's own session alone; what it does to later statements is judged with them."
    )
    if name == "foreign_key_checks" and value in _OFF:
        reason += (
            " With 0 a foreign key is added without a look at the rows, and orphans stay; other sessions check (1452)."
        )
    elif name == "unique_checks" and value in _OFF:
        reason += " With 0 InnoDB may let duplicates into a unique key unseen."
    elif name == "sql_mode" and not context.session.with_variable(name, node.value).strict:
        reason += (
            " Not strict: a value that does not fit is cut or replaced, with a warning nobody reads, and no error."
        )
    elif name == "lock_wait_timeout":
        reason += (
            " A short lock_wait_timeout before DDL is right: the ALTER gives up (1205) and does not queue old code."
        )
    return reason


def _server(node: SetVariable, name: str, value: str) -> Finding:
    if name in _REFUSING and value not in (*_OFF, "DEFAULT"):
        return Finding(
            ID,
            Verdict.UNSAFE,
            Verdict.UNSAFE,
            Phase.CONTRACT,
            f"SET {node.scope.upper()} {name} refuses the writes of old code with {_REFUSING[name]}, and stays after "
            "the migration.",
            remedy=steps(
                ("contract", f"take SET {node.scope.upper()} {name} out of the migration: it is an operator's act")
            ),
        )
    return Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.NEUTRAL,
        f"SET {node.scope.upper()} {name} outlives the migration: every connection that old code opens from now on "
        "runs with it (and the replicas do not).",
        remedy=steps(
            (
                "expand",
                "set it for this session, where it has a session value: "
                f"op.execute({f'SET SESSION {name} = {node.value}'!r})",
            )
        ),
        conditions=(
            Condition("server-setting-suits-old-code", "person", f"Old code runs rightly with {name} = {node.value}."),
        ),
        new_conditions=(
            Condition("server-setting-not-needed", "person", f"New code runs rightly before {name} is {node.value}."),
        ),
    )


def _not_logged() -> Finding:
    return Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.NEUTRAL,
        "With sql_log_bin = 0 nothing that follows reaches the replicas or a backup's binary log: after a failover "
        "the change is not there, and row events that need it stop replication.",
        remedy=steps(
            ("expand", "take SET sql_log_bin out of the migration; use `zdmigrate apply --strategy replica-first`")
        ),
        conditions=(
            Condition(
                "every-server-changed-by-hand", "person", "Every replica gets the same change by itself, in time."
            ),
        ),
        new_conditions=(
            Condition(
                "every-server-changed-by-hand", "person", "Every replica gets the same change by itself, in time."
            ),
        ),
    )


RULE = Rule(id=ID, title="variables", on=(SetVariable,), facts=(74,), judge=judge)
