"""What an UPDATE (or an upsert) does to each column, seen by old code."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass

from zdmigrate.history.syntax import Assignment, Update
from zdmigrate.verdict.rule import Context
from zdmigrate.verdict.rules.data.values import Misfit, in_words, stranger_to_old_code
from zdmigrate.verdict.rules.origin import Target, target

_FALSE = re.compile(r"\(*\s*(0|false|1\s*=\s*0|0\s*=\s*1|1\s*<>\s*1|1\s*!=\s*1)\s*\)*", re.IGNORECASE)


class Effect(enum.Enum):
    """What writing one column is to old code."""

    UNSEEN = "old code does not know the column"
    NOTHING = "no value changes"
    NULL_FILL = "only NULLs get a value"
    REWRITE = "values old code reads are replaced"
    UNCERTAIN = "nobody can tell whether old code knows the column"


@dataclass(frozen=True, slots=True)
class Write:
    """One column written: where, with what effect, the value in words, and the proof when manifests gave one.

    `stranger` is set when the value is one that old code cannot decode or hold.
    """

    target: Target
    column: str
    effect: Effect
    value: str
    evidence: str = ""
    stranger: Misfit | None = None

    @property
    def place(self) -> str:
        """`users.nick`."""
        return f"{self.target.name}.{self.column}"


def writes(update: Update, context: Context) -> Iterator[Write]:
    """Every column the UPDATE writes."""
    targets = [target(context, name) for name in update.tables]
    never = update.where is not None and _FALSE.fullmatch(update.where.strip()) is not None
    guards = {name.lower().rpartition(".")[2].strip("`") for name in update.null_guards}
    for assignment in update.assignments:
        where = _target_of(assignment, targets, context)
        if where is not None:
            guarded = assignment.column.lower() in guards
            alone = len(update.tables) == 1 and not update.reads
            yield write(where, assignment, context, guarded=guarded, never=never, alone=alone)


def write(
    where: Target,
    assignment: Assignment,
    context: Context,
    *,
    guarded: bool = False,
    never: bool = False,
    alone: bool = True,
) -> Write:
    """What one assignment does.

    `guarded` when it only meets rows in which the column is NULL, `never` when it meets none, `alone` when the
    statement names no other table.
    """
    column = assignment.column
    value = in_words(assignment.literal) if assignment.constant else (assignment.value or "a value we do not know")
    if where.new or where.is_new_column(column):
        return Write(where, column, Effect.UNSEEN, value)
    old = where.old_column(column)
    name = column if old is None else old.name
    if not context.old_code.maps_column(where.old_name, name):
        return Write(where, column, Effect.UNSEEN, value, context.old_code.quote(where.old_name, name))
    if never or _is_itself(assignment, where):
        return Write(where, column, Effect.NOTHING, value)
    stranger = stranger_to_old_code(where, column, assignment.literal, context) if assignment.constant else None
    if where.may_be_new_column(column):
        return Write(where, column, Effect.UNCERTAIN, value)
    if not guarded and not _fills_null(assignment, alone=alone):
        return Write(where, column, Effect.REWRITE, value, stranger=stranger)
    now = None if where.now is None else where.now.column(column)
    if now is not None and not now.nullable and (old is None or not old.nullable):
        return Write(where, column, Effect.NOTHING, value)
    return Write(where, column, Effect.NULL_FILL if stranger is None else Effect.REWRITE, value, stranger=stranger)


def _target_of(assignment: Assignment, targets: list[Target], context: Context) -> Target | None:
    if assignment.table is not None:
        return next((item for item in targets if item.name == assignment.table), target(context, assignment.table))
    holding = [item for item in targets if item.now is not None and item.now.column(assignment.column) is not None]
    if len(holding) == 1:
        return holding[0]
    return targets[0] if targets else None


def _bare(text: str) -> str:
    return text.replace("`", "").replace(" ", "").lower()


def _is_itself(assignment: Assignment, where: Target) -> bool:
    """`c = c`, or in an upsert `c = VALUES(c)` where `c` is part of every key that could have collided."""
    value, column = _bare(assignment.value or ""), assignment.column.lower()
    if value in (column, f"last_insert_id({column})", f"{where.name}.{column}".lower()):
        return True
    keys = [] if where.now is None else [key for key in where.now.keys if key.unique]
    in_all = bool(keys) and all(column in (name.lower() for name in key.columns) for key in keys)
    return value == f"values({column})" and in_all


def _fills_null(assignment: Assignment, *, alone: bool) -> bool:
    """`c = COALESCE(c, ...)`; a qualified `x.c` counts only when no other table is there to be meant."""
    value, qualified = _bare(assignment.value or ""), r"([^(),]*\.)?" if alone else ""
    return re.match(rf"(coalesce|ifnull)\({qualified}{re.escape(assignment.column.lower())},", value) is not None


def touched_by_update(write: Write, update: Update) -> tuple[str, ...]:
    """Columns with ON UPDATE CURRENT_TIMESTAMP that move because the UPDATE does not name them."""
    if write.target.new or write.target.now is None:
        return ()
    named = {assignment.column.lower() for assignment in update.assignments}
    return tuple(
        column.name for column in write.target.now.columns if column.on_update and column.name.lower() not in named
    )
