"""Whether a statement that upgrade() wants to send may be sent, by the rules the plan is judged by. Pure.

Whoever admitted the revision accepted that its statements are not known, so conditions are accepted with it. What
breaks the deployed code is not: a contract that the replays did not see was proved by nobody, and has no barrier.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from zdmigrate.history import syntax as s
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.sql.functions import stored_calls
from zdmigrate.plan import PlannedChange, PlannedRevision
from zdmigrate.run.contract_gate import gone_after, is_contract
from zdmigrate.run.kept import digest
from zdmigrate.run.selection import Asked, not_to_be_sent
from zdmigrate.verdict import strategy
from zdmigrate.verdict.judge import revision_phase
from zdmigrate.verdict.model import Phase, Verdict

#: Session variables that take statements out of replication, or make a replica repeat something else.
_NOT_SET = frozenset(
    {"sql_log_bin", "gtid_next", "gtid_seq_no", "gtid_domain_id", "server_id", "binlog_format", "pseudo_thread_id",
     "skip_replication", "sql_select_limit"}
)  # fmt: skip
_LOCKING = re.compile(r"\bFOR\s+(UPDATE|SHARE)\b|\bLOCK\s+IN\s+SHARE\s+MODE\b", re.IGNORECASE)
_FILES = re.compile(r"\bINTO\s+(OUTFILE|DUMPFILE)\b", re.IGNORECASE)
_LAST_STATEMENT = re.compile(r"\b(ROW_COUNT|FOUND_ROWS)\s*\(", re.IGNORECASE)
_RETURNING = re.compile(r"\bRETURNING\b", re.IGNORECASE)
_STRING = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`[^`]*`", re.DOTALL)


@dataclass(slots=True)
class Admission:
    """What one revision was admitted to do, and what of it was sent so far.

    Attributes:
        revision: as the replays saw it.
        began: the schema with which it began.
    """

    revision: PlannedRevision
    asked: Asked
    began: Catalog
    _phases: set[tuple[Phase, bool]] = field(default_factory=set)

    def objections(self, change: PlannedChange, examined: int | None = None) -> Iterator[str]:
        """Why this statement is not sent; nothing when it may be.

        Args:
            examined: the rows the server says it would look at, where that was asked.
        """
        yield from not_to_be_sent(change, "it")
        yield from _not_under_interception(change)
        yield from self._of_verdict(change)
        yield from self._of_phase(change)
        yield from self._of_removal(change)
        yield from self._of_cost(change, examined)

    def sent(self, change: PlannedChange) -> None:
        """It was sent, or will be: what comes after it has to fit on the same side of the deploy."""
        self._phases.add(_side(change))

    def sent_before(self, sha256: str) -> None:
        """The run that stopped had sent a text with this hash; it counts if the replays saw it, too."""
        for change in self.revision.changes:
            if digest(change.recorded.statement.sql) == sha256:
                self.sent(change)
                return

    def _foretold(self, change: PlannedChange) -> bool:
        """Whether the replays saw this very statement, so that it was admitted with the plan."""
        wanted = digest(change.recorded.statement.sql)
        return any(digest(item.recorded.statement.sql) == wanted for item in self.revision.changes)

    def _of_verdict(self, change: PlannedChange) -> Iterator[str]:
        worst = next((item.reason for item in change.open_findings if item.old is change.verdict), "")
        rule = next((f" ({item.rule})" for item in change.open_findings if item.old is change.verdict), "")
        if change.phase is Phase.SPLIT:
            yield f"no single side of a deploy can hold it{rule}; cut it in two"
        elif change.verdict is Verdict.UNKNOWN:
            yield f"it cannot be judged{rule}: {worst}"
        elif change.verdict is Verdict.UNSAFE and not self.revision.contract_declared:
            yield (
                f"it breaks the deployed code{rule}: {worst}; run it after the deploy, in a revision marked "
                "`# zdmigrate: phase contract`"
            )
        elif change.verdict is Verdict.UNSAFE and not self._foretold(change):
            yield (
                f"it is a contract that the plan did not show, so nobody proved or accepted it{rule}: {worst}; write "
                "it as a statement that does not depend on rows"
            )

    def _of_phase(self, change: PlannedChange) -> Iterator[str]:
        admitted = self.asked.phase or self.revision.phase
        allowed = {Phase.NEUTRAL, admitted}
        if self.revision.phase in (Phase.EXPAND, Phase.CONTRACT):  # it may fill what it adds, clean what it tightens
            allowed.add(Phase.MIGRATE)
        if self.revision.contract_declared:
            allowed |= {Phase.MIGRATE, Phase.CONTRACT}
        if admitted is Phase.NEUTRAL:  # nobody asked for a side, and the replays saw nothing of one
            allowed |= {Phase.EXPAND, Phase.MIGRATE, *([Phase.CONTRACT] if is_contract(self.revision) else [])}
        if change.phase is Phase.SPLIT or revision_phase([*self._phases, _side(change)]) in allowed:
            return
        yield (
            f"it belongs to {change.phase}, and {self.revision.revision} was admitted as {admitted}; keep what runs "
            "before and after a deploy in two revisions"
        )

    def _of_removal(self, change: PlannedChange) -> Iterator[str]:
        if not change.recorded.delta.changes:
            return
        removed = (_names(change.recorded.before) - _names(change.recorded.after)) & _names(self.began)
        removed -= {(table, column) for table, column in removed if column and (table, "") in removed}
        foreseen = {(item.table.lower(), (item.column or "").lower()) for item in gone_after(self.revision)}
        if not removed <= foreseen:
            names = ", ".join(sorted(".".join(filter(None, item)) for item in removed - foreseen))
            yield (
                f"it removes {names}, which the plan did not show: nobody asked who needs it, and no barrier keeps "
                "them out; write that as a statement that does not depend on rows"
            )

    def _of_cost(self, change: PlannedChange, examined: int | None) -> Iterator[str]:
        if self.asked.strategy == "direct" or change.cost.refusal is not None:
            return
        match change.strategy.name:
            case "batches" if examined is None or examined > strategy.SMALL_ROWS:
                seen = "" if examined is None else f"the server would look at about {examined:,} rows for it; "
                yield (
                    f"{seen}one statement would lock every row it examines: do it in batches with "
                    "`zdmigrate backfill`, and leave the rest to this revision"
                )
            case "replica-first" | "refuse":
                yield (
                    f"{change.strategy.reason} A revision that reads rows runs directly: move this into a revision of "
                    "its own, or say --strategy direct"
                )


def reading_refused(sql: str) -> str:
    """Why a query is not sent, or ""."""
    text = _STRING.sub("''", sql)
    if _LOCKING.search(text):
        return (
            "it locks the rows it reads, and a lock ends with its statement here: every statement is a transaction of "
            "its own; read without, and write so that it holds whatever came in between (UPDATE ... WHERE)"
        )
    if _FILES.search(text):
        return "it writes a file on the server"
    if _LAST_STATEMENT.search(text):
        return "between it and the statement it asks about others were sent; use the cursor's rowcount"
    return ""


def setting_refused(node: s.SetVariable, sql: str) -> str:
    """Why a variable of the session is not set, or ""."""
    if calls := stored_calls(sql):
        return f"it calls {calls[0]}(), which may write; read its answer with a SELECT, which runs where nothing may be"
    name = node.name.lower()
    if node.scope == "session" and name in _NOT_SET:
        return f"SET {name} decides what replicas get, or how much a query gives; that is for the run to decide"
    return ""


def _not_under_interception(change: PlannedChange) -> Iterator[str]:
    statement = change.recorded.statement
    node = statement.node
    match node:
        case s.Privilege():
            yield "accounts and rights are not kept in the journal; give them by hand"
        case s.ChangeDatabase():
            yield "a whole database is made or dropped by hand"
        case s.Insert() | s.Update() | s.Delete() if _RETURNING.search(_STRING.sub("''", statement.sql)):
            yield "it returns rows, which a run that goes on could not give again; read them in a query of their own"


def _side(change: PlannedChange) -> tuple[Phase, bool]:
    return change.phase, change.fits_either_side


def _names(catalog: Catalog) -> set[tuple[str, str]]:
    """Every table, and every column, in lower case."""
    tables = {(name.lower(), "") for name in catalog.tables}
    return tables | {
        (name.lower(), item.name.lower()) for name, table in catalog.tables.items() for item in table.columns
    }
