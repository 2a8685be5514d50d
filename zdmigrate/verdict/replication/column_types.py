"""A column of another type: what the applier makes of the values in row events."""

from __future__ import annotations

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import ColumnType
from zdmigrate.verdict.cost.changes import Change, TableFacts
from zdmigrate.verdict.replication.classes import NEW_COLUMN, ReplicationClass, convert, go, refuse, worst
from zdmigrate.verdict.replication.constraints import recollated
from zdmigrate.verdict.types import TypeAspect, compare_types, family

#: Families whose longer types the applier converts to when told ALL_NON_LOSSY.
_CONVERTED = ("integer", "decimal", "float", "text", "bytes", "bit")
_LABELLED = ("enum", "set")
_NEVER_CONVERTED = frozenset(
    {
        TypeAspect.NARROWED,
        TypeAspect.FAMILY,
        TypeAspect.ENUM_TO_TEXT,
        TypeAspect.SIGNEDNESS,
        TypeAspect.FRACTION_RAISED,
        TypeAspect.FRACTION_LOWERED,
        TypeAspect.TIME_ZONE,
        TypeAspect.MEMBERS_INSERTED,
        TypeAspect.MEMBERS_REORDERED,
        TypeAspect.MEMBERS_REMOVED,
        TypeAspect.CHARSET_WIDENED,
        TypeAspect.CHARSET_NARROWED,
        TypeAspect.UNKNOWN,
    }
)
_CHARSETS = frozenset({TypeAspect.CHARSET_WIDENED, TypeAspect.CHARSET_NARROWED})
_BY_NUMBER = "Row events carry the number of an ENUM member, not its label."
_BY_BYTES = "Row events carry bytes, not their charset: the other side stores them as they are."
_WHY_NOT = {
    TypeAspect.SIGNEDNESS: "Row events carry no sign: the same bytes mean another number on the other side.",
    TypeAspect.MEMBERS_INSERTED: _BY_NUMBER,
    TypeAspect.MEMBERS_REORDERED: _BY_NUMBER,
    TypeAspect.MEMBERS_REMOVED: _BY_NUMBER,
    TypeAspect.CHARSET_WIDENED: _BY_BYTES,
    TypeAspect.CHARSET_NARROWED: _BY_BYTES,
    TypeAspect.FRACTION_RAISED: "The applier takes the bytes that follow for the fraction, with or without an error.",
}


def retyped(change: Change, name: str, facts: TableFacts, target: Flavour) -> ReplicationClass:
    """A column of table `name` has another type, charset or collation."""
    assert change.before is not None
    assert change.after is not None
    old, new = change.before.type, change.after.type
    compared = compare_types(old, new)
    never = compared.aspects & _NEVER_CONVERTED
    if family(old) in _LABELLED or _same_bytes(old, new):
        never -= _CHARSETS
    if never:
        reason = next((why for aspect, why in _WHY_NOT.items() if aspect in never), "")
        return refuse(reason or _not_converted(target), NEW_COLUMN)
    if compared.has(TypeAspect.MEMBERS_APPENDED):
        found = go("Members keep their numbers.")
        if _bytes_of_members(len(old.members), old.name) != _bytes_of_members(len(new.members), new.name):
            found = convert(
                "Members keep their numbers, which take more bytes now: the applier widens them when told to."
            )
    elif family(old) not in _LABELLED and compared.has(TypeAspect.WIDENED, TypeAspect.KIND, TypeAspect.CHARSET_WIDENED):
        found = _widened(old, target)
    else:
        found = go("Row events carry neither collation nor display width, nor the labels of an ENUM.")
    if compared.has(TypeAspect.COLLATION):
        return worst([found, recollated(change.before, name, facts.before, new)])
    return found


def _same_bytes(old: ColumnType, new: ColumnType) -> bool:
    """Every text has the same bytes in both charsets."""
    if old.charset == "ascii":
        return new.charset in ("latin1", "utf8mb3", "utf8mb4")
    return (old.charset, new.charset) == ("utf8mb3", "utf8mb4")


def _widened(old: ColumnType, target: Flavour) -> ReplicationClass:
    if family(old) not in _CONVERTED:
        return refuse(_not_converted(target), NEW_COLUMN)
    reason = (
        f"The applier widens values when told to; the other way is refused ({conversion_error(target)}), "
        "so the old primary is held."
    )
    if family(old) != "integer" or target.is_mariadb:  # MariaDB reads an integer with the sign of its own column
        return convert(reason)
    return convert(reason, "ALL_UNSIGNED" if old.unsigned else "ALL_SIGNED")


def _not_converted(target: Flavour) -> str:
    return f"The applier does not convert between these types ({conversion_error(target)})."


def conversion_error(target: Flavour) -> int:
    """The error of an applier that cannot convert a column's type."""
    return 1677 if target.is_mariadb or not target.at_least(8, 0) else 13146


def _bytes_of_members(count: int, kind: str) -> int:
    if kind == "enum":
        return 1 if count <= 255 else 2
    size = (count + 7) // 8
    return size if size <= 4 else 8
