"""Everything zdsession raises on purpose. One root, :class:`SessionError`; leaves carry fields."""

from __future__ import annotations


class SessionError(Exception):
    """Root of every error this package raises on purpose."""


class ConfigurationError(SessionError, ValueError):
    """An option, key or store URL that cannot work. Raised at start-up, never by a request."""


class NotStorableError(SessionError, TypeError):
    """A value that has no safe encoding.

    ``path`` says where it sits (``cart[2].price``), ``kind`` names its type, ``why`` says what to do.
    """

    def __init__(self, path: str, kind: str, why: str) -> None:
        super().__init__(f"session value {path} of type {kind} cannot be stored: {why}")
        self.path = path
        self.kind = kind
        self.why = why


class TooLargeError(SessionError, ValueError):
    """A value, or the session as a whole, is above its limit. ``size`` and ``limit`` are bytes."""

    def __init__(self, what: str, size: int, limit: int, option: str) -> None:
        super().__init__(
            f"{what} takes {size:,} bytes, {option} allows {limit:,}: "
            "keep large data in a table or a cache and its key in the session"
        )
        self.what = what
        self.size = size
        self.limit = limit


class UnreadableError(SessionError):
    """Stored bytes that this code cannot read. Never reaches the app: the key is absent instead."""


class StoreUnavailableError(SessionError):
    """The store did not answer within its budget, or refused. ``retry_after`` is in seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DegradedWriteError(StoreUnavailableError):
    """A write to the read-only stand-in that ``on_outage="degrade"`` gives while the store is out."""


class HeadersSentError(SessionError, RuntimeError):
    """What was asked for needs a response header, and the headers have left."""


class SessionNotLoadedError(SessionError, RuntimeError):
    """An async app touched a session that is not read yet, on the event loop, which reading would block."""
