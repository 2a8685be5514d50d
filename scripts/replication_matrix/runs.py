"""One case in one mode: what came of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import pymysql

from scripts.replication_matrix.cases import Case
from scripts.replication_matrix.pair import Pair, PairError

OK = "ok"
#: No error anywhere, and the data differ once both sides have the ALTER.
SILENT = "SILENT"
#: The applier saw no error, and the second side cannot have the ALTER any more.
STUCK = "SILENT→stuck"


class Way(enum.Enum):
    """Which side has the ALTER first, and whether the other applies meanwhile."""

    #: The replica has it first: before a switchover.
    FORWARD = "forward"
    #: The source has it, the replica applies as events come: after a switchover, carelessly.
    LIVE = "live"
    #: The source has it, the replica fetches and does not apply until it has it too: after ours.
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Mode:
    """One column of the matrix: way, binary log and the applier's conversions."""

    column: str
    way: Way
    conversions: str = ""
    row_image: str = "FULL"
    binlog_format: str = "ROW"
    mysql_only: bool = False

    def runs_on(self, vendor: str) -> bool:
        """Whether that vendor's servers have the setting."""
        return vendor == "mysql" or not self.mysql_only


MODES = (
    Mode("fwd_row_full", Way.FORWARD),
    Mode("fwd_row_full_all_non_lossy", Way.FORWARD, "ALL_NON_LOSSY"),
    Mode("fwd_row_full_all_non_lossy_unsigned", Way.FORWARD, "ALL_NON_LOSSY,ALL_UNSIGNED", mysql_only=True),
    Mode("fwd_row_minimal", Way.FORWARD, row_image="MINIMAL"),
    Mode("fwd_statement", Way.FORWARD, binlog_format="STATEMENT"),
    Mode("rev_live_row_full", Way.LIVE),
    Mode("rev_live_statement", Way.LIVE, binlog_format="STATEMENT"),
    Mode("rev_held", Way.HELD),
)


def run(pair: Pair, case: Case, how: Mode) -> str:
    """Carry out one case in one mode, on an empty database.

    Returns:
        "ok"; "STOP n", the applier stopped with error n; "SILENT"; "SILENT→stuck"; or "refused n", no server of this
        kind accepts the ALTER at all. Errors are the server's.

    Raises:
        PairError: The pair failed, or the source refused to write what the case says: then the case is wrong.
    """
    pair.fresh()
    pair.configure(how.conversions, how.row_image, how.binlog_format)
    _write(pair, case, (*case.tables.split(";"), *case.seed), "seed")
    pair.synchronise(f"the seed of case {case.number}")

    source, replica = pair.source, pair.replica
    first, second = (replica, source) if how.way is Way.FORWARD else (source, replica)
    alter = f"ALTER TABLE t {case.clause}"
    refusal = first.alter(alter)
    if refusal is not None:
        return f"refused {refusal}"

    if how.way is Way.HELD:
        pair.stop_applier()
    _write(pair, case, case.forward if how.way is Way.FORWARD else case.reverse, how.column)
    if how.way is Way.HELD:
        pair.received()
        refusal = second.alter(alter, later=True)
        if refusal is not None:
            raise PairError(f"case {case.number}: held, the seed alone makes the second ALTER fail with {refusal}")
        pair.start_applier()
    stopped = pair.applied()
    if stopped is not None:
        return f"STOP {stopped}"

    if how.way is not Way.HELD and second.alter(alter, later=True) is not None:
        return STUCK
    return OK if source.contents() == replica.contents() else SILENT


def _write(pair: Pair, case: Case, statements: tuple[str, ...], what: str) -> None:
    for statement in statements:
        try:
            pair.source.run(statement)
        except pymysql.MySQLError as error:
            raise PairError(f"case {case.number}, {what}: the source refused {statement!r}: {error}") from error
