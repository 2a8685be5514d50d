"""What a statement costs the server: values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zdmigrate.history.recording import Refusal

Algorithm = Literal["INSTANT", "NOCOPY", "INPLACE", "COPY", "NONE", "DML"]
Lock = Literal["NONE", "SHARED", "EXCLUSIVE"]
Basis = Literal["table", "server", "assumed"]

#: From cheapest to dearest, as the servers order them (NOCOPY is MariaDB's).
ALGORITHMS: tuple[Algorithm, ...] = ("NONE", "DML", "INSTANT", "NOCOPY", "INPLACE", "COPY")
LOCKS: tuple[Lock, ...] = ("NONE", "SHARED", "EXCLUSIVE")


@dataclass(frozen=True, slots=True)
class Cost:
    """What the server does for one statement, and who waits for it.

    Attributes:
        algorithm: NONE when no table is worked on (SELECT, SET, a view), DML when rows are written in a transaction.
        lock: what other sessions may do *while the work is done*; every ALTER also takes an exclusive metadata lock
            for a moment at its start or end, which queues behind long transactions.
        rebuild: every row is written again.
        basis: "table" when measured or documented for this server, "server" when it was asked, "assumed" when nothing
            is known of this case and the dearest form is taken (or the table's definition was never seen).
        waits: one sentence, who waits.
        reason: why this algorithm; with a refusal, why the server refuses.
        cheaper: the next cheaper form of the same change as a sentence, or "".
        scans: every row is read.
        blocks_writes: writers wait for as long as the work takes, not only for the metadata lock.
        algorithm_clause: what `run` adds to the statement so that a surprise is a refusal; "" when it may not be added
            (it has such a clause, or the server's grammar takes none there). MySQL takes no LOCK with INSTANT.
        new_table: the table was created in this release and is empty: whatever the algorithm, it costs nothing.
        refusal: set when the server would refuse the statement; algorithm is then NONE.
        depends_on: what the server could not be asked, as its table was empty: rows that would change its answer.
    """

    algorithm: Algorithm
    lock: Lock = "NONE"
    rebuild: bool = False
    basis: Basis = "table"
    waits: str = "Nobody."
    reason: str = ""
    cheaper: str = ""
    scans: bool = False
    blocks_writes: bool = False
    algorithm_clause: str = ""
    new_table: bool = False
    refusal: Refusal | None = None
    depends_on: tuple[str, ...] = ()

    @property
    def stalls_replicas(self) -> bool:
        """True when a replica applies nothing else while it repeats this work, for as long as the primary took."""
        working = self.algorithm in ("INPLACE", "NOCOPY", "COPY") and (self.rebuild or self.scans)
        return working and not self.new_table


@dataclass(frozen=True, slots=True)
class Part:
    """What one elementary change of an ALTER costs by itself.

    Attributes:
        rebuild: it rewrites the table by the algorithm given.
        rebuild_inplace: when an action beside it rules out INSTANT, it rewrites the table after all.
        refusal: the server refuses this change.
    """

    algorithm: Algorithm
    reason: str
    lock: Lock = "NONE"
    rebuild: bool = False
    rebuild_inplace: bool = False
    scans: bool = False
    basis: Basis = "table"
    cheaper: str = ""
    refusal: Refusal | None = None


def dearest(parts: list[Part]) -> Part:
    """The part with the worst algorithm; of equals, one that rebuilds."""
    return max(parts, key=lambda part: (ALGORITHMS.index(part.algorithm), part.rebuild, LOCKS.index(part.lock)))


def worst_lock(locks: list[Lock]) -> Lock:
    """The strictest of them."""
    return max(locks, key=LOCKS.index, default="NONE")
