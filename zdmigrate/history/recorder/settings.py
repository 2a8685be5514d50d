"""SET, carried out: expressions over other variables included, as dumps and careful revisions write them."""

from __future__ import annotations

import re

from zdmigrate.history.catalog import Catalog
from zdmigrate.history.recorder.answers import Answers, UnanswerableError
from zdmigrate.history.recording import SessionState
from zdmigrate.history.syntax import SetVariable

_PLAIN = re.compile(r"\s*(?:\w+|'[^']*'|\"[^\"]*\"|-?\d+(?:\.\d+)?)\s*")


def set_variable(session: SessionState, node: SetVariable, answers: Answers, catalog: Catalog) -> SessionState:
    """The session after SET of a session or user variable."""
    name = f"@{node.name}" if node.scope == "user" else node.name
    if node.value.strip().upper() == "DEFAULT":
        fresh = SessionState()
        match name:
            case "sql_mode":
                return session.with_variable(name, ",".join(sorted(fresh.sql_mode)))
            case "foreign_key_checks":
                return session.with_variable(name, "1")
            case _:
                return session.with_variable(name, "")
    if _PLAIN.fullmatch(node.value):
        return session.with_variable(name, node.value)
    asked = len(answers.unsure)
    try:
        value = answers.select(f"SELECT {node.value}", catalog, session).rows[0][0]
    except (UnanswerableError, IndexError):
        return session.with_variable(name, node.value)
    finally:
        # A variable we do not know, saved to be put back, decides nothing.
        del answers.unsure[asked:]
    return session.with_variable(name, node.value if value is None else str(value))
