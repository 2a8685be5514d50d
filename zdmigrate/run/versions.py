"""The app's Alembic version table: which rows a revision changes, decided by Alembic's own code, written by us.

Alembic keeps one row for each head of the history. What a revision does to them (insert a branch, move one on, merge
several) is decided by `HeadMaintainer`; here it only notes what it would have executed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from alembic.runtime.migration import HeadMaintainer, RevisionStep
from alembic.script.revision import Revision as GraphRevision
from alembic.script.revision import RevisionMap

from zdmigrate.history.scripts import Scripts
from zdmigrate.run.connection import Connection, quoted
from zdmigrate.run.errors import ServerError

_NO_TABLE = 1146


@dataclass(frozen=True, slots=True)
class VersionChange:
    """One row: `old` becomes `new`; None on the side where there is no row."""

    verb: Literal["insert", "update", "delete"]
    old: str | None = None
    new: str | None = None


class Versions:
    """The graph of a history, asked what a revision does to the heads."""

    def __init__(self, scripts: Scripts) -> None:
        nodes = [GraphRevision(item.revision, item.down_revisions or None, item.depends_on or None) for item in scripts]
        self._graph = RevisionMap(lambda: nodes)

    def changes(self, heads: Iterable[str], revision: str) -> tuple[VersionChange, ...]:
        """What `alembic upgrade` writes when `revision` has run on a database at `heads`."""
        recorder = _Recorder(heads)
        recorder.update_to_step(_Step(self._graph, self._graph.get_revision(revision)))
        return tuple(recorder.changes)


class _Step(RevisionStep):
    """A step without a module to run."""

    def __init__(self, graph: RevisionMap, revision: Any) -> None:
        self.revision_map = graph
        self.revision = revision
        self.is_upgrade = True


class _Recorder(HeadMaintainer):
    """Alembic's decisions, noted instead of executed."""

    def __init__(self, heads: Iterable[str]) -> None:
        self.heads = set(heads)
        self.changes: list[VersionChange] = []

    def _insert_version(self, version: str) -> None:
        self.heads.add(version)
        self.changes.append(VersionChange("insert", None, version))

    def _delete_version(self, version: str) -> None:
        self.heads.remove(version)
        self.changes.append(VersionChange("delete", version))

    def _update_version(self, from_: str, to_: str) -> None:
        self.heads.remove(from_)
        self.heads.add(to_)
        self.changes.append(VersionChange("update", from_, to_))


def statements_of(table: str, changes: Sequence[VersionChange]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The statements, with their values apart."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for change in changes:
        match change:
            case VersionChange("insert", _, str() as new):
                found.append((f"INSERT INTO {quoted(table)} (version_num) VALUES (%s)", (new,)))
            case VersionChange("delete", str() as old):
                found.append((f"DELETE FROM {quoted(table)} WHERE version_num = %s", (old,)))
            case VersionChange("update", str() as old, str() as new):
                found.append((f"UPDATE {quoted(table)} SET version_num = %s WHERE version_num = %s", (new, old)))
    return tuple(found)


def read_heads(connection: Connection, table: str) -> tuple[str, ...]:
    """The rows of the version table; none when there is no table."""
    try:
        rows = connection.rows(f"SELECT version_num AS version FROM {quoted(table)} ORDER BY version_num")
    except ServerError as error:
        if error.errno == _NO_TABLE:
            return ()
        raise
    return tuple(str(row["version"]) for row in rows)


def create_table(connection: Connection, table: str) -> None:
    """Make the version table as Alembic makes it, if it is not there."""
    connection.run(
        f"CREATE TABLE IF NOT EXISTS {quoted(table)} (version_num VARCHAR(32) NOT NULL, "
        f"CONSTRAINT {quoted(f'{table}_pkc')} PRIMARY KEY (version_num))"
    )


def write(connection: Connection, table: str, changes: Sequence[VersionChange]) -> None:
    """Write the changes inside the open transaction of `connection`.

    Raises:
        ServerError: when a row is not as Alembic would have found it: somebody else wrote it meanwhile.
    """
    for sql, values in statements_of(table, changes):
        if connection.run(sql, values) != 1:
            raise ServerError(connection.node.name, 0, f"no row {values[-1]} in {table}: somebody changed it", sql)
