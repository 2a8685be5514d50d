"""ZD903: an expression calls a stored function."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.recording import RecordedStatement
from zdmigrate.history.sql.functions import stored_calls
from zdmigrate.history.syntax import (
    CallRoutine,
    CreateTable,
    Delete,
    Insert,
    LoadData,
    Select,
    SetVariable,
    Transaction,
    Update,
)
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.wording import listed

ID = "ZD903"

#: Statements that carry out the expressions in them.
_EVALUATED = (CallRoutine, CreateTable, Delete, Insert, LoadData, Select, SetVariable, Transaction, Update)


def judge(recorded: RecordedStatement, context: Context) -> Iterator[Finding]:
    """Whatever the statement says of itself, the function may write any table."""
    if recorded.refusal is not None or not isinstance(context.node, _EVALUATED):
        return
    if isinstance(context.node, CreateTable) and context.node.select is None:
        return
    calls = functions_called(recorded.statement.sql, context)
    if calls:
        yield Finding(
            ID,
            Verdict.UNKNOWN,
            Verdict.UNKNOWN,
            Phase.NEUTRAL,
            f"It calls {listed(f'{name}()' for name in calls)}, which may write: no built-in function of the server "
            "has that name, and what a stored function does is not in the statement.",
            remedy="Write the expression with built-in functions, or send what the function does from the revision "
            "itself; or have a person read its body, and write a waiver.",
        )


def functions_called(sql: str, context: Context) -> tuple[str, ...]:
    """The stored functions that an SQL text calls."""
    catalogs = (context.base, context.before)
    known = {
        item.name.rpartition(".")[2].lower()
        for catalog in catalogs
        for item in catalog.routines.values()
        if item.kind == "function"
    }
    return stored_calls(sql, known, ansi_quotes=bool({"ANSI_QUOTES", "ANSI"} & context.session.sql_mode))


RULE = Rule(ID, "stored function called", (RecordedStatement,), (79,), judge)
