"""A table while a statement is being applied to it: the working copy the `apply_*` modules share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Catalog, Check, Column, ForeignKey, Key, Partitioning, Table
from zdmigrate.history.effects.refusals import Refused, refused
from zdmigrate.history.recording import SessionState
from zdmigrate.history.syntax import AlterAction


@dataclass(frozen=True, slots=True)
class Context:
    """What a statement meets: the schema, the session's settings, and the server."""

    catalog: Catalog
    session: SessionState
    flavour: Flavour

    @property
    def database(self) -> str | None:
        """The session's schema, where a USE or the connection told us."""
        return dict(self.session.variables).get("database")

    def not_kind(self, key: str, kind: str) -> Refused:
        """The refusal of an object that is not what the statement needs."""
        return refused(1347, self.flavour.is_mariadb, name=self.written(key), kind=kind)

    def written(self, key: str) -> str:
        """A catalog key as the server's messages write it."""
        return key if "." in key or self.database is None else f"{self.database}.{key}"


@dataclass(slots=True)
class Draft:
    """One table on its way from `old` to what the statement makes of it.

    Attributes:
        key: its catalog key.
        creating: CREATE TABLE, so `old` is empty.
        renames: lower-case old column names to new ones.
        dropped: lower-case names of columns that are gone.
        missing: the actions that drop what is not there, with the refusal each deserves.
    """

    context: Context
    key: str
    old: Table
    creating: bool
    columns: list[Column] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    engine: str = "InnoDB"
    charset: str | None = None
    collation: str | None = None
    row_format: str | None = None
    comment: str = ""
    partitioning: Partitioning | None = None
    system_versioned: bool = False
    renames: dict[str, str] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    missing: list[tuple[AlterAction, Refused]] = field(default_factory=list)

    @classmethod
    def of(cls, context: Context, key: str, table: Table, *, creating: bool = False) -> Draft:
        """A draft that starts as `table`."""
        return cls(
            context=context,
            key=key,
            old=table,
            creating=creating,
            columns=list(table.columns),
            keys=list(table.keys),
            foreign_keys=list(table.foreign_keys),
            checks=list(table.checks),
            options=dict(table.options),
            engine=table.engine,
            charset=table.charset,
            collation=table.collation,
            row_format=table.row_format,
            comment=table.comment,
            partitioning=table.partitioning,
            system_versioned=table.system_versioned,
        )

    @property
    def flavour(self) -> Flavour:
        """The server."""
        return self.context.flavour

    def cannot_drop(self, kind: str, name: str) -> Refused:
        """The refusal to drop what is not there."""
        return refused(1091, self.flavour.is_mariadb, kind=kind, name=name)

    def miss(self, action: AlterAction, kind: str, name: str) -> None:
        """Remember that `action` drops what is not there; servers say so after they looked at everything else."""
        self.missing.append((action, self.cannot_drop(kind, name)))

    def refuse_missing(self, actions: Sequence[AlterAction]) -> None:
        """Refuse the first action that drops what is not there; only then one that renames it."""
        if self.missing:
            raise min(self.missing, key=lambda pair: (pair[1].errno == 1176, actions.index(pair[0])))[1]

    @property
    def session(self) -> SessionState:
        """The session's settings."""
        return self.context.session

    @property
    def catalog(self) -> Catalog:
        """The schema before the statement."""
        return self.context.catalog

    def column(self, name: str) -> Column | None:
        """The column of that name as things stand, or None."""
        wanted = name.lower()
        return next((column for column in self.columns if column.name.lower() == wanted), None)

    def table(self) -> Table:
        """The finished table."""
        return replace(
            self.old,
            columns=tuple(self.columns),
            keys=tuple(self.keys),
            foreign_keys=tuple(self.foreign_keys),
            checks=tuple(self.checks),
            options=tuple(self.options.items()),
            engine=self.engine,
            charset=self.charset,
            collation=self.collation,
            row_format=self.row_format,
            comment=self.comment,
            partitioning=self.partitioning,
            system_versioned=self.system_versioned,
        )
