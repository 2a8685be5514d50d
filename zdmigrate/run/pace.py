"""How fast a backfill may go: the size of the next batch, and what it has to wait for. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

#: Batches that a replica may lack when the next one is sent: the one it works on. The time it takes for two of them is
#: what it can be behind because of us, however much slower than the primary it is.
_MOST_AHEAD = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """What a person decided.

    Attributes:
        target: seconds one batch should take, its commit included.
        lag: seconds a replica may be behind. Waiting begins at half of it: what was sent already comes on top.
        running: statements that may run on the primary at once (Threads_running) before we wait.
        rows: most rows of a batch.
        rest: seconds to rest after a batch, for each second that it took.
        patience: seconds to wait, for a replica, the load, a lock or a server that went away, before giving up.
    """

    target: float = 0.1
    lag: float = 1.0
    running: int = 25
    rows: int = 50_000
    rest: float = 0.0
    patience: float = 600.0


@dataclass(slots=True)
class BatchSize:
    """How many rows the next batch has."""

    limits: Limits
    rows: int = 200

    def __post_init__(self) -> None:
        self._set(self.rows)

    def learn(self, rows: int, seconds: float) -> None:
        """After a batch of so many rows: towards the target, at most twice or half as many at a time."""
        if rows < self.rows / 2:
            return  # the last of a pass says nothing
        factor = self.limits.target / max(seconds, 1e-6)
        self._set(self.rows * min(2.0, max(0.5, factor)))

    def halve(self) -> None:
        """After a deadlock, or a lock that was not given in time: smaller batches meet fewer others."""
        self._set(self.rows / 2)

    def _set(self, rows: float) -> None:
        self.rows = max(1, min(self.limits.rows, round(rows)))


@dataclass(frozen=True, slots=True)
class Behind:
    """How far behind a replica is: seconds, and batches of ours that it lacks."""

    seconds: float
    batches: int


def reason_to_wait(replicas: Mapping[str, Behind | None], running: int, limits: Limits) -> str:
    """Why the next batch has to wait, "" when it need not.

    Args:
        replicas: None for one that does not say (down, or not applying).
        running: statements that run on the primary now.
    """
    for name, behind in replicas.items():
        if behind is None:
            return f"{name} does not apply, or does not answer"
        if behind.seconds > limits.lag / 2:
            return f"{name} is {behind.seconds:.1f} s behind"
        if behind.batches > _MOST_AHEAD:
            return f"{name} lacks {behind.batches} batches"
    if running > limits.running:
        return f"{running} statements run at once on the primary"
    return ""


@dataclass(slots=True)
class Commits:
    """When our last batches were committed, by our own clock: how far behind a replica is that has so many of them.

    Finer than the server's estimate, which counts whole seconds.
    """

    _times: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=10_000))

    def add(self, batch: int, at: float) -> None:
        """Batch number `batch` was committed."""
        self._times.append((batch, at))

    def lag(self, applied: int, now: float) -> float:
        """Seconds since the first commit that a replica lacks which has `applied` batches; 0 when it has them all."""
        while self._times and self._times[0][0] <= applied and len(self._times) > 1 and self._times[1][0] <= applied:
            self._times.popleft()
        return next((now - at for batch, at in self._times if batch > applied), 0.0)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is.

    Attributes:
        scanned: rows walked over in this pass.
        changed: rows changed so far.
        estimate: about how many rows this pass will walk over.
        rate: rows walked over each second, since this process began.
        batch: rows of the next batch.
        waits: what it is waiting for, "" when it is not.
    """

    scanned: int
    changed: int
    estimate: int
    rate: float
    batch: int
    waits: str = ""

    @property
    def seconds_left(self) -> float | None:
        """About how long it takes yet; None while nobody can say."""
        if self.rate <= 0 or not self.estimate:
            return None
        return max(0.0, (self.estimate - self.scanned) / self.rate)
