"""Why a revision could not be replayed, from what it raised: a kind, a sentence, and how to go on."""

from __future__ import annotations

import dis
import enum
import os
import re
from types import ModuleType, TracebackType

from alembic.operations.base import AbstractOperations
from sqlalchemy.exc import DBAPIError, NoResultFound, NoSuchTableError

from zdmigrate.history.effects.refusals import Refused
from zdmigrate.history.recorder.guards import Attempts, ForbiddenError, RevisionTimeout
from zdmigrate.history.recording import ReplayError, ReplayErrorKind

_APP = "run zdmigrate in the app's own environment"
_NOT_SET_UP = re.compile(r"application context|not (?:been )?(?:yet )?(?:initiali[sz]ed|configured)", re.I)
_CONFIGURATION = (
    "ImproperlyConfigured",
    "NoSuchOptError",
    "ConfigFilesNotFoundError",
    "RequiredOptError",
    "NotInitializedError",
    "AirflowConfigException",
    "CantStartEngineError",
)


class BrokenRevisionError(Exception):
    """A revision file that lacks what Alembic needs of it."""


class MissingArgumentError(KeyError):
    """A revision wants an `-x` argument that was not given."""


def missing_table(error: BaseException) -> str | None:
    """The table whose absence an exception reports, if it does."""
    refused = refusal_in(error)
    if refused is not None:
        if refused.errno not in (1146, 1051, 1824):
            return None
        found = re.search(r"'([^']+)'", refused.message)
        return found[1] if found else None
    if isinstance(error, NoSuchTableError):
        return str(error).replace("`", "").strip()
    return None


def during_import(error: BaseException, path: str) -> bool:
    """True when an import of something else than the revision's file was under way."""
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if code.co_name == "<module>" and code.co_filename != path:
            return True
        step = step.tb_next
    return False


def _caused_by_guard(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ForbiddenError):
            return True
        error = error.__cause__ or error.__context__
    return False


def refusal_in(error: BaseException | None) -> Refused | None:
    """The server's refusal that an exception carries, if it does."""
    if isinstance(error, DBAPIError):
        error = error.orig
    found = getattr(error, "zd_refused", None)
    return found if isinstance(found, Refused) else None


def wants_a_row(error: BaseException) -> bool:
    """True when the exception looks like code that was promised a row and got none."""
    if isinstance(error, NoResultFound):
        return True
    text = str(error)
    match error:
        case TypeError() | AttributeError():
            return "NoneType" in text
        case IndexError() | StopIteration() | AssertionError():
            return True
        case ValueError():
            return "values to unpack" in text
        case _:
            return False


def missing_member(error: BaseException) -> str | None:
    """The name a KeyError was raised for, if it was one: what a JSON object made up for a row lacks."""
    if not isinstance(error, KeyError) or len(error.args) != 1 or not isinstance(error.args[0], str):
        return None
    return str.__str__(error.args[0]) if not isinstance(error.args[0], enum.Enum) else str(error.args[0].value)


def raised_on_purpose(error: BaseException, path: str) -> bool:
    """True when a `raise` (or `assert`) of the revision's own file ended it."""
    last = _last(error.__traceback__)
    if last is None or last.tb_frame.f_code.co_filename != path:
        return False
    code = last.tb_frame.f_code.co_code
    return code[last.tb_lasti] == dis.opmap["RAISE_VARARGS"]


def line_in(error: BaseException, path: str) -> int:
    """The line of the revision's file where an exception came up; 0 when it never was there."""
    line, step = 0, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == path:
            line = step.tb_lineno
        step = step.tb_next
    if not line and isinstance(error, SyntaxError) and error.filename == path:
        return error.lineno or 0
    return line


def explain(error: BaseException, path: str, *, attempts: Attempts, selects: int, seconds: float) -> ReplayError:
    """The finding for what a revision raised."""
    kind, message = _explained(error, path, attempts, selects, seconds)
    return ReplayError(kind, message, path, line_in(error, path))


def _explained(
    error: BaseException, path: str, attempts: Attempts, selects: int, seconds: float
) -> tuple[ReplayErrorKind, str]:
    shown = _shown(error)
    refused = refusal_in(error)
    if isinstance(error, RevisionTimeout):
        return ReplayErrorKind.TIME_OUT, (
            f"it did not end within {seconds:g} seconds; raise revision_timeout if it only needs longer"
        )
    if refused is not None:
        hint = ""
        if refused.errno in (1146, 1051, 1054, 1072, 1091, 1824):
            hint = "; if the history begins with a schema that is not empty, pass it with --schema, --url or --metadata"
        return ReplayErrorKind.REFUSED, f"the server would refuse it: error {refused.errno}, {refused.message}{hint}"
    if attempts.connections:
        return ReplayErrorKind.NEEDS_DATABASE, (
            f"it connects to a database by itself ({attempts.connections[0]}); a replay connects to nothing"
        )
    if attempts.programs and _caused_by_guard(error):
        return ReplayErrorKind.RAISED, f"it starts a program ({attempts.programs[0]}); a replay starts none"
    if (name := _operation(error)) is not None:
        return ReplayErrorKind.UNKNOWN_OPERATION, (
            f"there is no operation op.{name}; pass the module that registers it with --import"
        )
    if isinstance(error, ImportError):
        what = f"the module {error.name}" if isinstance(error, ModuleNotFoundError) and error.name else str(error)
        verb = "cannot be imported" if isinstance(error, ModuleNotFoundError) and error.name else "while importing"
        text = f"{what} {verb}" if isinstance(error, ModuleNotFoundError) and error.name else f"{verb}: {what}"
        return ReplayErrorKind.IMPORT_FAILED, f"{text}; {_APP}, or use --stub-imports"
    if isinstance(error, SyntaxError) and error.filename == path:
        return ReplayErrorKind.BROKEN_FILE, f"the file is not valid Python ({error.msg}); correct it"
    if isinstance(error, BrokenRevisionError):
        return ReplayErrorKind.BROKEN_FILE, str(error)
    if _is_configuration(error):
        return ReplayErrorKind.NEEDS_APP_CONFIGURATION, f"it needs the app's configuration ({shown}); {_APP}"
    if isinstance(error, SystemExit):
        return ReplayErrorKind.RAISED, f"it ends the process (exit status {error.code!r})"
    if isinstance(error, EOFError):
        return ReplayErrorKind.RAISED, "it asks the terminal for an answer; a replay gives none"
    if selects and wants_a_row(error):
        return ReplayErrorKind.NEEDS_DATABASE, f"it needs rows that only a database has ({shown})"
    return ReplayErrorKind.RAISED, f"it raises {shown}"


def _shown(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:300]}" if text else type(error).__name__


def _operation(error: BaseException) -> str | None:
    """The name of the operation nobody registered, when that is what the exception says."""
    if isinstance(error, AttributeError) and error.name is not None:
        owner = error.obj
        if isinstance(owner, AbstractOperations) or (isinstance(owner, ModuleType) and owner.__name__ == "alembic.op"):
            return error.name
    text = str(error)
    if isinstance(error, ImportError) and error.name == "alembic.op" and "cannot import name" in text:
        return text.split("'")[1]
    if isinstance(error, ValueError) and text.startswith("no dispatch function for object"):
        return text.rpartition(":")[2].strip()
    return None


def _is_configuration(error: BaseException) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & set(_CONFIGURATION) or _NOT_SET_UP.search(str(error)):
        return True
    last = _last(error.__traceback__)
    if not isinstance(error, KeyError) or last is None:
        return False
    return last.tb_frame.f_code.co_filename in (os.__file__, "<frozen os>") or isinstance(error, MissingArgumentError)


def _last(step: TracebackType | None) -> TracebackType | None:
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return step
