"""Whether this node is about to leave: a switch that whoever drains it sets, and that pages may read."""

from __future__ import annotations

import threading
import time

#: Key in a WSGI environment or ASGI scope of a bool: whether this node is being drained.
DRAINING_KEY = "zdsession.draining"


class Draining:
    """True while the node drains, so that a page can say so: ``if manager.draining: ...``. For all threads.

    Sessions work as ever meanwhile: they are in a store that the other nodes reach too.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._since: float | None = None
        #: Seconds to ask visitors without a session to wait before they come back; None serves them as ever.
        self.defer_new: int | None = None

    def __bool__(self) -> bool:
        return self._event.is_set()

    def __repr__(self) -> str:
        return f"<Draining {bool(self)}>"

    @property
    def seconds(self) -> float:
        """For how long it has drained; 0 while it does not."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    def begin(self, *, defer_new: int | None = None) -> None:
        """The node is being drained. Twice is once.

        Args:
            defer_new: see the attribute; what answers visitors then is :class:`zdsession.fleet.FleetMiddleware`.
        """
        self.defer_new = defer_new
        if self._since is None:
            self._since = time.monotonic()
        self._event.set()

    def end(self) -> None:
        """It stays after all."""
        self._event.clear()
        self._since = self.defer_new = None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it drains, at most ``timeout`` seconds; whether it does."""
        return self._event.wait(timeout)
