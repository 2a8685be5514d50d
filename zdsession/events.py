"""What happened to sessions, as log records of the logger ``zdsession``.

Each carries ``event`` and ``record``, the record id: a hash, which gives nobody a session. ``fields`` are extra.
"""

from __future__ import annotations

import logging

log = logging.getLogger("zdsession")

_LEVELS = {
    "created": logging.DEBUG,
    "regenerated": logging.DEBUG,
    "merged": logging.DEBUG,
    "invalidated": logging.INFO,
    "revoked": logging.INFO,
    "gone": logging.INFO,
    "superseded": logging.INFO,
    "unknown_id": logging.INFO,
    "wrong_secret": logging.WARNING,
    "touch_failed": logging.WARNING,
    "store_error": logging.ERROR,
}


def emit(event: str, record_id: str, **fields: object) -> None:
    """Log one event. The id is cut to 12 digits in the text and whole in the record's attributes."""
    level = _LEVELS[event]
    if log.isEnabledFor(level):
        details = "".join(f" {name}={value}" for name, value in fields.items())
        extra = {"event": event, "record": record_id, "fields": fields}
        log.log(level, "session %.12s %s%s", record_id, event, details, extra=extra)
