"""The plan a run keeps in its journal, so that a rerun goes on with exactly what was judged and admitted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from zdmigrate.history.catalog import Catalog, Table, new_uid
from zdmigrate.plan import PlannedRevision


class KeptRevision(msgspec.Struct, frozen=True):
    """A revision of the run.

    Attributes:
        statements: the hash of each by the change's id; none of a revision that runs through its own upgrade().
        source: the hash of the file of one that does.
    """

    revision: str
    statements: dict[str, str]
    source: str = ""


class KeptPlan(msgspec.Struct, frozen=True):
    """What was admitted.

    Attributes:
        heads: rows of the version table when the run began; `base` is the schema then.
        strategy, accept: what was asked for.
        fleet: whether what runs now was asked, so that a contract has to be allowed by it again.
        phase: that was asked for, "" for none.
    """

    heads: tuple[str, ...]
    base: Catalog
    revisions: tuple[KeptRevision, ...]
    strategy: str
    accept: dict[str, str]
    flavour: str
    fleet: bool = False
    phase: str = ""

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
    phase: str = "",
) -> KeptPlan:
    """The plan to keep."""
    kept = tuple(_kept(item) for item in revisions)
    return KeptPlan(tuple(heads), base, kept, strategy, dict(accept), flavour, fleet, phase)


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
        if found is None or _kept(found) != revision:
            return revision.revision
    return None


def _kept(revision: PlannedRevision) -> KeptRevision:
    if revision.recorded.data_dependent:  # what is sent is judged again; only who sends it has to be the same
        return KeptRevision(
            revision.revision, {}, hashlib.sha256(Path(revision.recorded.path).read_bytes()).hexdigest()
        )
    hashes = {change.id: digest(change.recorded.statement.sql) for change in revision.changes}
    return KeptRevision(revision.revision, hashes)


def _renumbered(table: Table) -> Table:
    columns = tuple(replace(column, uid=new_uid()) for column in table.columns)
    return replace(table, columns=columns, uid=new_uid())


def _plain(item: Any) -> Any:
    if isinstance(item, Mapping):  # a read-only view of one
        return dict(item)
    raise NotImplementedError(type(item))
