"""ZD542: reads, transactions and locks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from zdmigrate.history.syntax import Select, Transaction
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.wording import steps

ID = "ZD542"

_LOCK = re.compile(r"LOCK\s+TABLES?\b|FLUSH\b.*\bWITH\s+READ\s+LOCK|FLUSH\b.*\bFOR\s+EXPORT", re.IGNORECASE | re.DOTALL)
_KILL = re.compile(r"KILL\b", re.IGNORECASE)


def judge(subject: Select | Transaction, context: Context) -> Iterator[Finding]:
    """They change nothing; a table lock makes old code wait."""
    if isinstance(subject, Select):
        yield Finding(ID, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, "Only reads.")
        return
    text = subject.text.strip()
    if _LOCK.match(text):
        yield _conditional(
            "Writes of old code wait (and reads, under a WRITE lock) until the lock is given back, and fail with 1205 "
            "after lock_wait_timeout.",
            steps(("expand", "take the lock out: DDL takes the locks it needs by itself")),
            Condition("short-lock", "workload", "The lock is held for less time than old code's requests may wait."),
        )
    elif _KILL.match(text):
        yield _conditional(
            "KILL ends a connection: if it is one of old code, its statement fails with 1317 or 2013.",
            steps(("expand", "take KILL out of the migration: it is an operator's act")),
            Condition("kills-no-app", "person", "The connection killed is none of the app's."),
        )
    else:
        yield Finding(
            ID, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, "Changes nothing that outlives the migration's own session."
        )


def _conditional(reason: str, remedy: str, condition: Condition) -> Finding:
    return Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.NEUTRAL,
        reason,
        remedy=remedy,
        conditions=(condition,),
        new_conditions=(condition,),
    )


RULE = Rule(id=ID, title="reads, transactions and locks", on=(Select, Transaction), facts=(74,), judge=judge)
