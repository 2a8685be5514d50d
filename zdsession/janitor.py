"""Removes expired sessions in the background, on one node at a time.

The nodes elect it through the store itself: a record that its holder keeps alive, and that expires when the holder
dies. Two at once, which clocks that disagree could bring about, only do the same work twice.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable

from zdsession.background import Background
from zdsession.chance import CHANCE
from zdsession.clock import now_ms
from zdsession.errors import StoreUnavailableError
from zdsession.events import emit
from zdsession.record import Change, Outcome, Record, Rotation
from zdsession.stores.base import OFFICE_ID, Store

log = logging.getLogger("zdsession.store")

_BATCH = 500
_INTERVAL = 60.0
#: The office is vacant this long after its holder was last heard of.
_TERM_MS = 120_000
#: Least seconds between two batches; a batch that took longer is followed by as long a pause.
_BREATH = 0.02


class Janitor:
    """Sweeps one store.

    Args:
        store: what to sweep; it also holds the election.
        batch: rows a statement.
        interval: seconds between two rounds, give or take a quarter, so that nodes that started together do not stay
            together. The first round comes after one interval.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self,
        store: Store,
        *,
        batch: int = _BATCH,
        interval: float = _INTERVAL,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._store = store
        self._batch = batch
        self._interval = interval
        self._clock = clock
        self._background = Background("zdsession-janitor", self._step)
        self._pid = 0
        self._name = b""
        self._begun = False
        self._renewed = 0
        #: Rows removed by this process.
        self.removed = 0

    def start(self) -> None:
        """Begin in this process."""
        self._begun = False
        self._background.start()

    def stop(self) -> None:
        """Stop, and leave the office to another node."""
        held = self._begun and self._renewed and self._pid == os.getpid()
        self._background.stop()
        if held:
            try:
                self._leave()
            except StoreUnavailableError as error:
                log.info("the janitor's office stays taken for a while: %s", error)

    def _step(self) -> float:
        if not self._begun:
            self._begun = True
            return self._rest()
        try:
            if not self._holds_office():
                return self._rest()
            began = time.monotonic()
            count = self._store.sweep(self._batch)
        except StoreUnavailableError as error:
            log.info("expired sessions are not removed now: %s", error)
            return self._rest()
        if count:
            emit("expired", "", count=count)
        self.removed += count
        if count < self._batch:
            return self._rest()
        return max(_BREATH, time.monotonic() - began)

    def _holds_office(self) -> bool:
        """Whether this process is the janitor; it becomes it where nobody is."""
        if self._pid != os.getpid():
            self._pid, self._name, self._renewed = os.getpid(), secrets.token_bytes(32), 0
        now = self._clock()
        if now - self._renewed < _TERM_MS / 4:
            return True
        mine = Record(self._name, now, now, now, now + _TERM_MS, now + _TERM_MS * 1000)
        taken = self._store.load(OFFICE_ID)
        if taken is None:
            held = self._store.create(OFFICE_ID, mine)
        elif taken.secret != self._name:
            held = False
        else:
            same = Rotation(self._name, now, 0, expected=self._name)
            saved = self._store.save(OFFICE_ID, taken, Change(now, now + _TERM_MS, rotation=same))
            held = saved.outcome is Outcome.SAVED
        self._renewed = now if held else 0
        return held

    def _leave(self) -> None:
        taken = self._store.load(OFFICE_ID)
        if taken is not None and taken.secret == self._name:
            self._store.destroy(OFFICE_ID)
        self._renewed = 0

    def _rest(self) -> float:
        return self._interval * CHANCE.uniform(0.75, 1.25)
