"""What the passes over a revision leave open: errors put down to their cause, and ends reached on a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from zdmigrate.history.catalog import Catalog
from zdmigrate.history.recorder.stage import Pass
from zdmigrate.history.recorder.stubs import MARK, Note
from zdmigrate.history.recording import RecordedStatement, ReplayError, ReplayErrorKind, SessionState
from zdmigrate.history.syntax import CallRoutine, CreateTable, Opaque


@dataclass
class Outcome:
    """What the passes over one revision add up to."""

    statements: list[RecordedStatement]
    after: Catalog
    session: SessionState
    error: ReplayError | None
    passes: tuple[Pass, ...]
    data_dependent: bool = False


def leaves_doubt(outcome: Outcome) -> bool:
    """Whether the schema after a revision with an error is in doubt: it ended early, or a stand-in kept silent."""
    return not outcome.passes or outcome.passes[0].raised is not None or any(one.notes for one in outcome.passes)


def stuck(filled: Pass) -> ReplayError:
    assert filled.error is not None
    if filled.error.kind in (ReplayErrorKind.TIME_OUT, ReplayErrorKind.REFUSED):
        return filled.error
    return ReplayError(
        ReplayErrorKind.NEEDS_DATABASE,
        "with rows in the tables it reads, it goes on to what a made-up row does not get through "
        f"({filled.error.message}); what it sends after that is not known",
        filled.error.path,
        filled.error.line,
    )


def doubt(outcome: Outcome, path: str) -> ReplayError | None:
    """Why a revision that reached its end is not to be trusted all the same."""
    for one in outcome.passes:
        if one.recreated:
            table, line = one.recreated[0]
            return ReplayError(
                ReplayErrorKind.RAISED,
                f'batch_alter_table("{table}", recreate="always") copies the whole table row by row into a new one and '
                "drops the old, and the app's writes meanwhile are lost; on MySQL leave recreate out",
                path,
                line,
            )
    for one in outcome.passes:
        if one.notes or any(item.inert for item in one.statements):
            return _stand_in_error(one.notes, path)
    for one in outcome.passes:
        # "Create it unless it is there": judged as if it were not, which is the longer list.
        nodes = [item.statement.node for item in one.statements]
        created = {f"the table {node.name}" for node in nodes if isinstance(node, CreateTable)}
        open_questions = [question for question in one.unsure if question not in created]
        if open_questions:
            return ReplayError(ReplayErrorKind.NEEDS_DATABASE, _unsure(open_questions[0]), path)
    return None


def _unsure(question: str, ended: str = "") -> str:
    text = f"it asks the database about {question}, and the schema before it is not fully known"
    return f"{text}{f' ({ended})' if ended else ''}; pass that schema with --url, --schema or --metadata"


def _cannot_be_read(node: object) -> bool:
    return isinstance(node, Opaque) or (isinstance(node, CallRoutine) and node.carried_out is None)


def put_down_to(outcome: Outcome, path: str, catalog: Catalog, stood_in: Sequence[str]) -> ReplayError | None:
    """The revision's error, put down to the stand-ins where it used any, and to the schema where that is in doubt."""
    error = outcome.error
    if error is None or error.kind in (ReplayErrorKind.TIME_OUT, ReplayErrorKind.IMPORT_FAILED):
        return error
    unread = next((item for item in outcome.statements if _cannot_be_read(item.statement.node)), None)
    if error.kind is ReplayErrorKind.REFUSED and unread is not None:
        return ReplayError(
            ReplayErrorKind.OPAQUE_SQL,
            f"what the statement on line {unread.line} does to the schema cannot be read, and after it {error.message}",
            path,
            error.line,
        )
    if outcome.passes[0].raised is not None and outcome.passes[0].unsure and error.kind is ReplayErrorKind.RAISED:
        return ReplayError(
            ReplayErrorKind.NEEDS_DATABASE, _unsure(outcome.passes[0].unsure[0], error.message), path, error.line
        )
    for one in outcome.passes:
        if (
            one.notes
            or any(item.inert for item in one.statements)
            or MARK in error.message
            or "StandIn" in error.message
        ):
            found = _stand_in_error(one.notes, path)
            return replace(found, message=f"{found.message} (it ended with: {error.message})")
    if stood_in and error.kind is ReplayErrorKind.RAISED:
        return replace(
            error,
            kind=ReplayErrorKind.IMPORT_FAILED,
            message=f"{error.message}, with stand-ins in place of {', '.join(stood_in[:4])}, which cannot be imported "
            "here; run zdmigrate in the app's own environment",
        )
    if error.kind is ReplayErrorKind.REFUSED and not catalog.complete:
        return replace(
            error, message=f"{error.message} (the schema before it is not fully known, so this may be wrong)"
        )
    return error


def _stand_in_error(notes: tuple[Note, ...], path: str) -> ReplayError:
    own = next((note for note in notes if note.name.startswith("argument.")), None)
    if own is not None:
        name = own.name.split(".")[1].rstrip("()[]")
        return ReplayError(
            ReplayErrorKind.NEEDS_APP_CONFIGURATION,
            f"env.py passes it an argument {name!r} that a replay does not know",
            path,
            own.line,
        )
    module, line, use = "a stand-in", 0, "it uses it"
    if notes:
        module, line, use = notes[0].name.partition(".")[0], notes[0].line, f"it {notes[0]}"
    return ReplayError(
        ReplayErrorKind.IMPORT_FAILED,
        f"what it sends depends on {module}, which cannot be imported here ({use}); "
        "run zdmigrate in the app's own environment",
        path,
        line,
    )
