"""Could a version of the app run again now? Its manifest against the live schema. Pure, but for the questions it names.

What is looked at is what a manifest says: tables, columns, their types, and what INSERTs and UPDATEs give. It does not
name keys, checks and triggers; what was changed in those is for `zdmigrate check --from HEADS` to judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from zdmigrate.history.catalog import Catalog, Column, ColumnType, Table
from zdmigrate.history.statements import parse_type
from zdmigrate.verdict.evidence import OldCode
from zdmigrate.verdict.rules.wording import listed, quoted, sql_text, sql_type
from zdmigrate.verdict.types import TypeAspect, compare_types, family, fits
from zdsession.manifest import Manifest, MappedColumn

BREAKS, OPEN = 1, 3


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a version could not run again, or what would have to be known first.

    Attributes:
        table, column: what it is about; "" for the version as a whole.
        text: what breaks, with the server's error number; or what is not known.
        question: returns a row where it does break; None when that is known.
        is_open: nobody can say whether it breaks.
    """

    table: str
    column: str | None
    text: str
    question: str | None = None
    is_open: bool = False

    def __str__(self) -> str:
        where = f"{self.table}{f'.{self.column}' if self.column else ''}"
        return f"{where}: {self.text}" if where else self.text


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a version could run again.

    Attributes:
        manifests: what it maps; more than one if it was built more than once.
        found: what stands against any of them.
        notes: what holds only as long as nobody writes certain values.
    """

    version: str
    manifests: tuple[Manifest, ...]
    found: tuple[Objection, ...]
    notes: tuple[str, ...] = ()

    @property
    def breaks(self) -> tuple[Objection, ...]:
        """What is known to break it."""
        return tuple(item for item in self.found if not item.is_open)

    @property
    def unknown(self) -> tuple[Objection, ...]:
        """What would have to be known."""
        return tuple(item for item in self.found if item.is_open)

    @property
    def exit_code(self) -> int:
        """0 it could, 1 it could not, 3 nobody can say (DESIGN, "Contracts")."""
        return BREAKS if self.breaks else OPEN if self.found else 0


def objections(
    manifest: Manifest, live: Catalog, missing: Iterable[str], *, database: str, mariadb: bool
) -> list[Objection]:
    """What stands against running this code on this schema, in the order of the manifest's tables.

    Args:
        manifest: what the version maps.
        live: the schema of its database as it is.
        missing: what it maps and the database lacks, as `table` or `table.column` (`zdsession.health` finds that).
        database: the name of the database that `live` is of; a model may write it before its tables' names.
        mariadb: whose types and error numbers they are.
    """
    lacking = list(missing)
    found = [_missing(name, manifest) for name in lacking]
    for name, mapped in sorted(manifest.tables.items()):
        if name in lacking:
            continue
        schema, _, bare = name.rpartition(".")
        table = _table(live, bare) if schema.lower() in ("", database.lower()) else None
        if table is not None:
            found += _of_table(name, mapped.columns, table, manifest, live, mariadb)
        elif schema or bare.lower() not in (view.lower() for view in live.views):
            found.append(Objection(name, None, f"it is not in the database {database}, which was read", is_open=True))
    return found


def _missing(name: str, manifest: Manifest) -> Objection:
    if name in manifest.tables:
        return Objection(name, None, "the table is gone: statements that name it fail with 1146")
    table, _, column = name.rpartition(".")
    return Objection(table, column, "the column is gone: SELECT, INSERT and UPDATE that name it fail with 1054")


def _table(live: Catalog, name: str) -> Table | None:
    """A table by the name a model gives it, in any case where only one is meant."""
    found = live.table(name)
    if found is not None:
        return found
    alike = [table for key, table in live.tables.items() if key.lower() == name.lower()]
    return alike[0] if len(alike) == 1 else None


def _of_table(
    name: str, mapped: dict[str, MappedColumn], table: Table, manifest: Manifest, live: Catalog, mariadb: bool
) -> Iterator[Objection]:
    code = OldCode(live, (manifest,), lambda text: parse_type(text, mariadb=mariadb))
    by_name = {column.lower(): found for column, found in mapped.items()}
    for column in table.columns:
        known = by_name.get(column.name.lower())
        if known is not None:
            yield from _of_type(name, column, known, mariadb)
        yield from _of_writes(name, column, known, code, mariadb)


def _of_writes(
    name: str, column: Column, mapped: MappedColumn | None, code: OldCode, mariadb: bool
) -> Iterator[Objection]:
    if column.generated is not None:
        if mapped is not None and not mapped.generated:
            error = 1906 if mariadb else 3105
            yield Objection(name, column.name, f"it is generated now: writes of it fail with {error}")
        return
    required = not column.nullable and not column.auto_increment
    if required and mapped is not None and code.may_write_null(name, column):
        yield Objection(name, column.name, "it is NOT NULL now: writes of NULL, which the model allows, fail with 1048")
    elif not column.insert_may_omit and code.may_omit(name, column):
        yield from _left_out(name, column, mapped)


def _left_out(name: str, column: Column, mapped: MappedColumn | None) -> Iterator[Objection]:
    """INSERTs name no value for a column that is NOT NULL without a default."""
    if column.type.name == "enum":  # servers take its first member then, in strict mode too
        wanted = None if mapped is None or mapped.server_default is None else mapped.server_default.strip("'")
        if wanted not in (None, *column.type.members[:1]):
            said = f"it has no default now: INSERTs that leave it out store {column.type.members[0]!r}, not {wanted!r}"
            yield Objection(name, column.name, said)
        return
    known = "" if mapped is not None else ", which this version does not map"
    said = f"it is NOT NULL without a default{known}: INSERTs that leave it out fail with 1364"
    yield Objection(name, column.name, said)


def _of_type(name: str, column: Column, mapped: MappedColumn, mariadb: bool) -> Iterator[Objection]:
    model, now = parse_type(mapped.type, mariadb=mariadb), column.type
    if _json(model, now):
        return
    compared = compare_types(model, now)
    if compared.has(TypeAspect.UNKNOWN) or _is_unread(model):
        said = f"it is {sql_type(now)} now, and nobody can say whether {mapped.type} agrees"
        yield Objection(name, column.name, said, is_open=True)
        return
    if not mapped.generated and not fits(model, now):
        kind = "another kind of value" if family(model) != family(now) else "not everything that this version may write"
        yield Objection(
            name, column.name, f"it holds {kind}: the model says {mapped.type}, the database {sql_type(now)}"
        )
    members = mapped.members or model.members
    if members:
        yield from _of_members(name, column, members)


def _of_members(name: str, column: Column, members: tuple[str, ...]) -> Iterator[Objection]:
    """Values a row may hold now and an Enum of that version does not know: reading one raises LookupError."""
    field, kind = quoted(column.name), column.type.name
    if kind in ("enum", "set"):
        new = [member for member in column.type.members if member not in members]
        if not new:
            return
        held = [f"FIND_IN_SET({sql_text(item)}, {field})" if kind == "set" else sql_text(item) for item in new]
        where = " OR ".join(held) if kind == "set" else f"{field} IN ({', '.join(held)})"
        shown = listed(map(repr, new), "or")
    elif family(column.type) == "text":
        where = f"{field} NOT IN ({', '.join(map(sql_text, members))})"
        shown = "values that are no members"
    else:
        return
    yield Objection(
        name,
        column.name,
        f"rows hold {shown}, which this version cannot read (LookupError)",
        f"SELECT 1 FROM {quoted(name)} WHERE {where} LIMIT 1",
    )


def _json(model: ColumnType, now: ColumnType) -> bool:
    """MariaDB keeps JSON as LONGTEXT."""
    return model.name == "json" and now.name in ("json", "longtext")


def _is_unread(model: ColumnType) -> bool:
    """Whether the type could not be read: then its text became its name."""
    return not model.name.isidentifier()
