"""The one cookie: how it is read, set and taken back.

Its attributes are not options: ``Secure``, ``HttpOnly``, ``Path=/`` and no ``Domain`` are what the ``__Host-`` prefix
asks for, and with it a browser takes the cookie from no other host and over no plain connection.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from zdsession.errors import ConfigurationError
from zdsession.token import Token

#: Cookies of our name that one request may carry before the rest are ignored; each may cost a read.
MAX_CANDIDATES = 4
_PREFIX = "__Host-"
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
#: Browsers cap a cookie's age here (RFC 6265bis), in seconds.
MAX_AGE = 400 * 24 * 3600


def values_of(header: str | None, name: str) -> Iterator[str]:
    """The values of all cookies of one name in a request's Cookie header, in its order."""
    if not header or name not in header:
        return
    for pair in header.split(";"):
        found, _, value = pair.partition("=")
        if found.strip() == name:
            yield value.strip().strip('"')


@dataclass(frozen=True, slots=True)
class Cookie:
    """Name and attributes.

    Args:
        name: begins with ``__Host-``, exactly so: browsers do not mind the case of a prefix, and we do.
        same_site: ``Lax`` also sends the cookie when another site links here; ``Strict`` does not.
        insecure_http: development without TLS only. The cookie loses ``Secure`` and its prefix (a browser would
            store a ``__Host-`` cookie set over http and never send it), and a warning says so.
    """

    name: str = "__Host-session"
    same_site: Literal["Lax", "Strict"] = "Lax"
    insecure_http: bool = False

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise ConfigurationError(f"{self.name!r} is not a cookie name: letters, digits and !#$%&'*+-.^_`|~ are")
        if not self.name.startswith(_PREFIX) or self.name == _PREFIX:
            raise ConfigurationError(f"the cookie name {self.name!r} must begin with {_PREFIX}, as {_PREFIX}session")
        if self.same_site not in ("Lax", "Strict"):
            raise ConfigurationError(f"same_site is 'Lax' or 'Strict', not {self.same_site!r}")
        if self.insecure_http:
            object.__setattr__(self, "name", "insecure-" + self.name.removeprefix(_PREFIX))
            warnings.warn(
                f"insecure_http=True: the session cookie is called {self.name} and travels without TLS. "
                "Anyone on the way can take over a session. Use it for development only.",
                stacklevel=4,
            )

    def tokens(self, header: str | None) -> list[Token]:
        """The distinct ids in a request's Cookie header, in its order; what has not our shape is not one.

        Several cookies of one name may arrive, and their order says nothing (RFC 6265bis).
        """
        found: list[Token] = []
        for value in values_of(header, self.name):
            token = Token.parse(value)
            if token is not None and token not in found:
                found.append(token)
        return found[:MAX_CANDIDATES]

    def set(self, token: Token, max_age: int | None) -> str:
        """Set-Cookie value. ``max_age`` in seconds; None ends with the browser's session."""
        age = "" if max_age is None else f"; Max-Age={max(1, min(max_age, MAX_AGE))}"
        return f"{self.name}={token.text}{age}{self._attributes()}"

    def delete(self) -> str:
        """Set-Cookie value that removes the cookie; the prefix asks for the same attributes here."""
        return f"{self.name}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT{self._attributes()}"

    def _attributes(self) -> str:
        secure = "" if self.insecure_http else "; Secure"
        return f"; Path=/{secure}; HttpOnly; SameSite={self.same_site}"
