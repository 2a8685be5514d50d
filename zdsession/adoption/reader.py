"""What reads one old system's sessions, and what all such readers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from zdsession.errors import SessionError

_PICKLE_PROTOCOLS = (2, 3, 4, 5)


class RefusedError(SessionError):
    """An old session that is there and is not taken over; ``str()`` says why, in a few words."""


@dataclass(frozen=True, slots=True)
class OldCookie:
    """The old system's cookie. ``domain`` and ``path`` as it was set with, or a browser will not let go of it."""

    name: str
    domain: str | None = None
    path: str = "/"

    def expire(self) -> str:
        """Set-Cookie value that removes it."""
        domain = "" if self.domain is None else f"; Domain={self.domain}"
        secure = "; Secure" if self.name.startswith(("__Host-", "__Secure-")) else ""
        gone = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        return f"{self.name}=; {gone}; Path={self.path}{domain}{secure}; HttpOnly; SameSite=Lax"


class Reader(Protocol):
    """Reads the sessions of one old system, looked up only where it was configured to look.

    ``name`` goes into events, and into the ids derived for adopted sessions: do not change it while adopting.
    """

    name: str
    cookie: OldCookie

    def key(self, value: str) -> str | None:
        """What a cookie value has proved: the key of an old session, or None if it is none or its signature is wrong.

        Two values that stand for one session give one key. Asks no server.
        """

    def read(self, key: str) -> Mapping[str, Any] | None:
        """The values of a live old session by name; None if there is none, or it has expired.

        Raises:
            RefusedError: it is there and cannot be read safely.
            StoreUnavailableError: the old store did not answer.
        """

    def remove(self, key: str) -> None:
        """Remove the old session from its store, if it has one.

        Raises:
            StoreUnavailableError: the old store did not answer.
        """

    def user(self, values: Mapping[str, Any]) -> str | None:
        """Who is logged in, as far as the old system itself knows; None where only the app knows."""


def decode_plain(data: bytes) -> dict[Any, Any]:
    """The dict in msgpack or JSON bytes.

    Raises:
        RefusedError: it is pickled, or neither of the two.
    """
    value = None
    for decode in (msgspec.msgpack.decode, msgspec.json.decode):
        try:
            value = decode(data)
        except (msgspec.DecodeError, RecursionError, ValueError):  # not this one
            continue
        break
    if isinstance(value, dict):
        return value
    if len(data) > 2 and data[0] == 0x80 and data[1] in _PICKLE_PROTOCOLS:
        raise RefusedError("pickled")
    raise RefusedError("neither msgpack nor JSON")
