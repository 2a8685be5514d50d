"""Literal values against the columns old code knows: could old code have written this itself?"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from zdmigrate.history.catalog import ColumnType
from zdmigrate.history.syntax import Assignment
from zdmigrate.verdict.rule import Context
from zdmigrate.verdict.rules.origin import Target
from zdmigrate.verdict.types import byte_capacity

_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}


class Misfit(enum.Enum):
    """Why old code could not have written a value."""

    MEMBER = "no member of the ENUM or SET"
    NULL = "NULL in a column that was NOT NULL"
    SIZE = "longer or larger than the column allowed"
    UNSEEN = "a value we do not know, in a column that this release widened"


@dataclass(frozen=True, slots=True)
class Stranger:
    """A value that old code could not have written: the column as old code calls it, why, and the value in words."""

    column: str
    misfit: Misfit
    value: str


def strangers(target: Target, rows: Iterable[Iterable[Assignment]], context: Context) -> Iterator[Stranger]:
    """Values of `rows`, written to a base table, that old code could meet and not have written; one a column."""
    seen: set[tuple[str, Misfit]] = set()
    for row in rows:
        for place, assignment in enumerate(row):
            found = _stranger(target, named(target, assignment, place), assignment, context)
            if found is not None and (found.column, found.misfit) not in seen:
                seen.add((found.column, found.misfit))
                yield found


def named(target: Target, assignment: Assignment, place: int) -> str:
    """The column an assignment writes; an INSERT without a column list goes by position."""
    if assignment.column or target.now is None or place >= len(target.now.columns):
        return assignment.column
    return target.now.columns[place].name


def _stranger(target: Target, name: str, assignment: Assignment, context: Context) -> Stranger | None:
    old = target.old_column(name)
    if old is None or not context.old_code.maps_column(target.old_name, old.name):
        return None
    if not assignment.constant:
        now = None if target.now is None else target.now.column(name)
        widened = now is not None and (now.type != old.type or (now.nullable and not old.nullable))
        return Stranger(old.name, Misfit.UNSEEN, assignment.value or "a parameter") if widened else None
    misfit = stranger_to_old_code(target, name, assignment.literal, context)
    return None if misfit is None else Stranger(old.name, misfit, in_words(assignment.literal))


def stranger_to_old_code(target: Target, name: str, value: object, context: Context) -> Misfit | None:
    """Why old code could not have written `value` to the column called `name` now; None when it could.

    What the column refuses today it refused before: only a column widened since, or mapped narrower than it is, counts.
    """
    old = target.old_column(name)
    if old is None:
        return None
    now = None if target.now is None else target.now.column(name)
    loosened = now is not None and now.nullable and not old.nullable
    if value is None:
        return Misfit.NULL if loosened else None
    types = [item for item in context.old_code.types(target.old_name, old) if now is None or item != now.type]
    if now is not None and now.type != old.type:
        types.append(old.type)
    return misfit_of(value, types)


def misfit_of(value: object, types: Iterable[ColumnType]) -> Misfit | None:
    """Why a column of one of `types` could not hold `value`; None when all could, or when nobody can tell."""
    for column_type in types:
        if column_type.name in ("enum", "set") and not _is_member(value, column_type):
            return Misfit.MEMBER
        if not _fits(value, column_type):
            return Misfit.SIZE
    return None


def in_words(value: object) -> str:
    """A value as SQL shows it, shortened."""
    if value is None:
        return "NULL"
    text = repr(value) if isinstance(value, str | bytes) else str(value)
    return text if len(text) <= 40 else text[:36] + "..." + text[-1]


def _is_member(value: object, column_type: ColumnType) -> bool:
    if not isinstance(value, str):
        return True  # a number is an index into the list
    known = {member.lower() for member in column_type.members}
    values = [value] if column_type.name == "enum" else [part for part in value.split(",") if part]
    return all(item.rstrip().lower() in known for item in values)


def _fits(value: object, column_type: ColumnType) -> bool:
    name = column_type.name
    if name in ("char", "varchar", "binary", "varbinary"):
        limit = column_type.args[0] if column_type.args else None
        return limit is None or not isinstance(value, str | bytes) or len(value) <= limit
    if name.endswith(("text", "blob")):
        size = byte_capacity(column_type)
        return size is None or not isinstance(value, str) or len(value.encode()) <= size
    if name in _BITS:
        number = _number(value)
        high = largest_integer(column_type)
        low = 0 if column_type.unsigned else -high - 1
        return number is None or low <= number <= high
    if name == "decimal":
        number = _number(value)
        digits, scale = (
            (*column_type.args, 10, 0)[:2] if len(column_type.args) > 1 else (*(column_type.args or (10,)), 0)
        )
        return number is None or (abs(number) < 10 ** (digits - scale) and not (column_type.unsigned and number < 0))
    return True


def largest_integer(column_type: ColumnType) -> int:
    """The largest number an integer column holds; 0 for any other type."""
    bits = _BITS.get(column_type.name, 0)
    return 0 if not bits else 2**bits - 1 if column_type.unsigned else int(2 ** (bits - 1)) - 1


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool | int | float | str | Decimal):
        try:
            return Decimal(str(int(value) if isinstance(value, bool) else value))
        except InvalidOperation:
            return None
    return None
