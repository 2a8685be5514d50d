"""What a replay yields: every statement of every revision, with the catalog before and after it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

from zdmigrate.history.catalog import Catalog, Delta
from zdmigrate.history.syntax import Statement

#: The session settings of a fresh connection that decide what a statement does (MySQL 8.4 and MariaDB 10.11
#: defaults; both are strict).
DEFAULT_SQL_MODE = frozenset({"STRICT_TRANS_TABLES", "NO_ZERO_DATE", "NO_ENGINE_SUBSTITUTION"})


@dataclass(frozen=True, slots=True)
class SessionState:
    """Session variables that change what later statements do.

    Attributes:
        sql_mode: upper-case modes; strict when STRICT_TRANS_TABLES or STRICT_ALL_TABLES is among them.
        foreign_key_checks: whether foreign keys are verified when added.
        lock_wait_timeout: seconds a DDL waits for its metadata lock, or None when never set.
        variables: every other session variable set so far, as (name, value).
    """

    sql_mode: frozenset[str] = DEFAULT_SQL_MODE
    foreign_key_checks: bool = True
    lock_wait_timeout: int | None = None
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def strict(self) -> bool:
        """True when bad values are errors (1264, 1364, 1406) and not silent truncations."""
        return bool({"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES", "TRADITIONAL"} & self.sql_mode)

    def with_variable(self, name: str, value: str) -> SessionState:
        """The state after `SET name = value` (value as SQL text)."""
        bare = value.strip().strip("'\"")
        match name.lower():
            case "sql_mode":
                return replace(self, sql_mode=frozenset(m.strip().upper() for m in bare.split(",") if m.strip()))
            case "foreign_key_checks":
                return replace(self, foreign_key_checks=bare.upper() not in ("0", "OFF", "FALSE"))
            case "lock_wait_timeout":
                return replace(self, lock_wait_timeout=int(bare) if bare.isdigit() else None)
            case other:
                kept = tuple(pair for pair in self.variables if pair[0] != other)
                return replace(self, variables=(*kept, (other, bare)))


class ReplayErrorKind(enum.StrEnum):
    """Why a revision could not be replayed (DESIGN, idea 1)."""

    NEEDS_DATABASE = "needs_database"
    NEEDS_APP_CONFIGURATION = "needs_app_configuration"
    IMPORT_FAILED = "import_failed"
    OPAQUE_SQL = "opaque_sql"
    UNKNOWN_OPERATION = "unknown_operation"
    TIME_OUT = "time_out"
    REFUSED = "refused"
    RAISED = "raised"
    BROKEN_FILE = "broken_file"


@dataclass(frozen=True, slots=True)
class ReplayError:
    """Why, where, and what would settle it, in a person's words."""

    kind: ReplayErrorKind
    message: str
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """The error the server would have answered with: its number, and its message."""

    errno: int
    message: str


@dataclass(frozen=True)
class RecordedStatement:
    """One statement a revision sent.

    Attributes:
        index: position in the revision, from 0.
        source: what sent it: "op.add_column", "op.execute", ..., or "connection" for a bind used directly.
        path, line: the revision's own file (or the helper's, when no frame of the revision is on the stack)
            and line.
        before, after: catalogs around it; `delta` is what it changed.
        session: settings in force when it ran.
        data_dependent: it was sent only in the pass that fabricates rows, or carries fabricated values.
        inert: it depends on a stand-in for a missing module (`--stub-imports`), so it is not to be trusted.
        refusal: set when the server would refuse it (and the revision may have caught that).
        touched: the tables (catalog keys) it names, written or read.
    """

    index: int
    statement: Statement
    source: str
    path: str
    line: int
    before: Catalog
    after: Catalog
    delta: Delta
    session: SessionState = field(default_factory=SessionState)
    data_dependent: bool = False
    inert: bool = False
    refusal: Refusal | None = None
    touched: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecordedRevision:
    """One revision as replayed.

    Attributes:
        revision: its id; `down_revisions` and `depends_on` are ids, resolved.
        declared: "expand" or "contract" when its author said so (branch label, or a comment
            `# zdmigrate: phase contract`), else None.
        data_dependent: what it sends depends on rows it reads.
        error: set when the replay did not reach the end; `statements` holds what came before.
    """

    revision: str
    down_revisions: tuple[str, ...]
    path: str
    message: str
    statements: tuple[RecordedStatement, ...]
    before: Catalog
    after: Catalog
    depends_on: tuple[str, ...] = ()
    branch_labels: tuple[str, ...] = ()
    declared: str | None = None
    data_dependent: bool = False
    error: ReplayError | None = None


@dataclass(frozen=True)
class RecordedHistory:
    """Revisions in the order they were replayed (parents first), and the catalog they started from."""

    revisions: tuple[RecordedRevision, ...]
    base: Catalog
    heads: tuple[str, ...]

    def revision(self, revision: str) -> RecordedRevision | None:
        """The revision of that full id, or None."""
        return next((item for item in self.revisions if item.revision == revision), None)
