"""What happened to sessions: log records of the logger ``zdsession``, and calls to whoever subscribed.

Each carries ``event`` and ``record``, the record id: a hash, which gives nobody a session. ``fields`` are extra.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

log = logging.getLogger("zdsession")

_LEVELS = {
    "created": logging.DEBUG,
    "regenerated": logging.DEBUG,
    "merged": logging.DEBUG,
    "invalidated": logging.INFO,
    "revoked": logging.INFO,
    "expired": logging.INFO,
    "gone": logging.INFO,
    "superseded": logging.INFO,
    "unknown_id": logging.INFO,
    "wrong_secret": logging.WARNING,
    "adopted": logging.INFO,
    "adoption_refused": logging.INFO,
    "old_session_left": logging.WARNING,
    "touch_failed": logging.WARNING,
    "store_error": logging.ERROR,
}
#: The names of all events.
EVENTS = frozenset(_LEVELS)

#: Called with the event, the record id and the fields. Also for events that no logger wants.
Listener = Callable[[str, str, Mapping[str, object]], None]

_lock = threading.Lock()
_listeners: tuple[Listener, ...] = ()


def subscribe(listener: Listener) -> Callable[[], None]:
    """Have ``listener`` called for every event of this process, in the thread it happens in, so it must be quick.

    What it raises is logged and goes no further.

    Returns:
        A function that ends it.
    """
    global _listeners
    with _lock:
        _listeners = (*_listeners, listener)

    def end() -> None:
        global _listeners
        with _lock:
            _listeners = tuple(other for other in _listeners if other is not listener)

    return end


def emit(event: str, record_id: str, **fields: object) -> None:
    """Report one event. The id is cut to 12 digits in the text of the log and whole in its attributes."""
    level = _LEVELS[event]
    for listener in _listeners:
        try:
            listener(event, record_id, fields)
        except Exception:
            log.exception("a listener failed for the event %s", event)
    if log.isEnabledFor(level):
        details = "".join(f" {name}={value}" for name, value in fields.items())
        extra = {"event": event, "record": record_id, "fields": fields}
        log.log(level, "session %.12s %s%s", record_id, event, details, extra=extra)
