"""Whether this node is about to leave: a switch that whoever drains it sets, and that pages may read."""

from __future__ import annotations

import threading

#: Key in a WSGI environment or ASGI scope of a bool: whether this node is being drained.
DRAINING_KEY = "zdsession.draining"


class Draining:
    """True while the node drains, so that a page can say so: ``if manager.draining: ...``. For all threads.

    Sessions work as ever meanwhile: they are in a store that the other nodes reach too.
    """

    def __init__(self) -> None:
        self._event = threading.Event()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def __repr__(self) -> str:
        return f"<Draining {bool(self)}>"

    def begin(self) -> None:
        """The node is being drained. Twice is once."""
        self._event.set()

    def end(self) -> None:
        """It stays after all."""
        self._event.clear()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it drains, at most ``timeout`` seconds; whether it does."""
        return self._event.wait(timeout)
