"""The plan a run keeps in its journal, so that a rerun goes on with exactly what was judged and admitted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from zdmigrate.history.catalog import Catalog, Table, new_uid
from zdmigrate.plan import PlannedRevision


class KeptRevision(msgspec.Struct, frozen=True):
    """A revision of the run: the hash of each of its statements by the change's id."""

    revision: str
    statements: dict[str, str]


class KeptPlan(msgspec.Struct, frozen=True):
    """What was admitted.

    Attributes:
        heads: rows of the version table when the run began; `base` is the schema then.
        strategy, accept: what was asked for.
        fleet: whether what runs now was asked, so that a contract has to be allowed by it again.
    """

    heads: tuple[str, ...]
    base: Catalog
    revisions: tuple[KeptRevision, ...]
    strategy: str
    accept: dict[str, str]
    flavour: str
    fleet: bool = False

    def encode(self) -> str:
        """As text."""
        return msgspec.json.encode(self, enc_hook=_plain).decode()


def keep(
    heads: Sequence[str],
    base: Catalog,
    revisions: Sequence[PlannedRevision],
    strategy: str,
    accept: Mapping[str, str],
    flavour: str,
    *,
    fleet: bool = False,
) -> KeptPlan:
    """The plan to keep."""
    kept = tuple(
        KeptRevision(item.revision, {change.id: digest(change.recorded.statement.sql) for change in item.changes})
        for item in revisions
    )
    return KeptPlan(tuple(heads), base, kept, strategy, dict(accept), flavour, fleet)


def decode(text: str) -> KeptPlan:
    """The plan from its text; objects of the schema get new uids, as those of another process may be taken here."""
    kept = msgspec.json.decode(text, type=KeptPlan)
    tables = {name: _renumbered(table) for name, table in kept.base.tables.items()}
    return msgspec.structs.replace(kept, base=replace(kept.base, tables=tables))


def digest(sql: str) -> str:
    """The hash by which a statement is known in the journal."""
    return hashlib.sha256(sql.encode()).hexdigest()


def changed(kept: KeptPlan, revisions: Sequence[PlannedRevision]) -> str | None:
    """The first revision that does not send any more what was admitted, or None."""
    now = {item.revision: item for item in revisions}
    for revision in kept.revisions:
        found = now.get(revision.revision)
        if found is None:
            return revision.revision
        if revision.statements != {item.id: digest(item.recorded.statement.sql) for item in found.changes}:
            return revision.revision
    return None


def _renumbered(table: Table) -> Table:
    columns = tuple(replace(column, uid=new_uid()) for column in table.columns)
    return replace(table, columns=columns, uid=new_uid())


def _plain(item: Any) -> Any:
    if isinstance(item, Mapping):  # a read-only view of one
        return dict(item)
    raise NotImplementedError(type(item))
