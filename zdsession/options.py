"""Every option of a session manager, with its default and what it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from zdsession.clock import now_ms
from zdsession.codec import AppType
from zdsession.cookie import MAX_AGE
from zdsession.errors import ConfigurationError
from zdsession.sealing import Keyring

if TYPE_CHECKING:
    from zdsession.adoption.adopt import Adoption

#: A length of time: seconds, or a timedelta.
Duration = float | timedelta


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of :class:`~zdsession.SessionManager`, ``SessionMiddleware`` and ``ZDSession``."""

    #: A session ends when it was not used for so long.
    idle_timeout: Duration = timedelta(hours=2)
    #: A session ends so long after it began, used or not. At most 400 days.
    absolute_timeout: Duration = timedelta(hours=24)
    #: The id is replaced, as by ``regenerate()``, when it is older than this. None: never by itself.
    renewal_timeout: Duration | None = None
    #: After ``regenerate()`` the old id works for so long, for requests that are already under way.
    grace: Duration = 30.0
    #: "Last seen" is written when it is older than this part of ``idle_timeout``: at most one write in that time.
    touch_fraction: float = 0.1
    #: Whether the cookie outlives the browser's session (``Max-Age``).
    persistent: bool = False
    #: Name of the cookie; begins with ``__Host-``.
    cookie_name: str = "__Host-session"
    #: ``Lax`` or ``Strict``.
    same_site: Literal["Lax", "Strict"] = "Lax"
    #: Development without TLS: renames the cookie and warns.
    insecure_http: bool = False
    #: The app's own types that may be put into sessions.
    types: Iterable[AppType[Any]] = ()
    #: Encrypts values. None stores them readable to whoever can read the store.
    keyring: Keyring | None = None
    #: Values whose encoding is longer, in bytes, are compressed. None: never.
    compress_above: int | None = 16_384
    #: Limit of one top-level value, encoded, in bytes.
    max_value_bytes: int = 262_144
    #: Limit of a session as stored, in bytes.
    max_session_bytes: int = 1_048_576
    #: Pages that need the session while the store is out: ``fail`` answers 503 with Retry-After; ``degrade`` gives
    #: them an empty read-only session.
    on_outage: Literal["fail", "degrade"] = "fail"
    #: So many store errors in a row open the circuit: further ones are answered at once.
    circuit_failures: int = 3
    #: Seconds after which one request may try the store again.
    circuit_cooldown: float = 1.0
    #: Takes over the sessions of the system that was there before; see :mod:`zdsession.adoption`.
    adopt: Adoption | None = None
    #: Milliseconds since the epoch.
    clock: Callable[[], int] = now_ms

    def __post_init__(self) -> None:
        idle, absolute = milliseconds(self.idle_timeout), milliseconds(self.absolute_timeout)
        if not 0 < absolute <= MAX_AGE * 1000:
            raise ConfigurationError("absolute_timeout must be more than 0 and at most 400 days")
        if not 0 < idle <= absolute:
            raise ConfigurationError("idle_timeout must be more than 0 and at most absolute_timeout")
        if self.renewal_timeout is not None and milliseconds(self.renewal_timeout) <= 0:
            raise ConfigurationError("renewal_timeout must be more than 0, or None")
        if milliseconds(self.grace) < 0:
            raise ConfigurationError("grace must not be negative")
        if not 0 <= self.touch_fraction < 1:
            raise ConfigurationError(f"touch_fraction must be from 0 up to 1, not {self.touch_fraction}")
        if self.on_outage not in ("fail", "degrade"):
            raise ConfigurationError(f"on_outage is 'fail' or 'degrade', not {self.on_outage!r}")


def milliseconds(duration: Duration) -> int:
    """A duration in milliseconds."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    return round(seconds * 1000)
