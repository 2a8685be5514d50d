"""The session id a browser holds: ``selector.secret``, and only hashes of it in the store.

The selector (128 random bits) finds the record and stays for its life. The secret (256 random bits) proves the
right to it and is replaced by ``regenerate()``: so a new id touches one record, also in Redis Cluster. The store
sees SHA-256 of each, so reading the store gives nobody a working cookie, and a listing by record id is safe to log.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from binascii import a2b_base64
from dataclasses import dataclass, field
from hashlib import sha256

_SELECTOR, _SECRET = 16, 32
#: Characters of a token: 48 bytes in base64url need no padding.
LENGTH = (_SELECTOR + _SECRET) * 4 // 3
_SHAPE = re.compile(rf"[A-Za-z0-9_-]{{{LENGTH}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """A parsed session id. Its text never appears in ``repr``, logs or errors."""

    selector: bytes = field(repr=False)
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls, selector: bytes | None = None) -> Token:
        """A fresh token; with ``selector``, a fresh secret for the same record."""
        return cls(selector or secrets.token_bytes(_SELECTOR), secrets.token_bytes(_SECRET))

    @classmethod
    def parse(cls, text: str) -> Token | None:
        """The token ``text`` spells, or None if it has not the shape of one of ours."""
        if _SHAPE.fullmatch(text) is None:
            return None
        raw = a2b_base64(text.replace("-", "+").replace("_", "/"))
        return cls(raw[:_SELECTOR], raw[_SELECTOR:])

    @property
    def text(self) -> str:
        """What goes into the cookie."""
        return urlsafe_b64encode(self.selector + self.secret).decode()

    @property
    def record(self) -> str:
        """The record id: hex SHA-256 of the selector."""
        return sha256(b"zdsession selector\0" + self.selector).hexdigest()

    @property
    def hash(self) -> bytes:
        """SHA-256 of the secret, as the record holds it."""
        return sha256(b"zdsession secret\0" + self.secret).digest()

    def matches(self, stored: bytes) -> bool:
        """Whether ``stored`` is this secret's hash; takes the same time either way."""
        return hmac.compare_digest(self.hash, stored)
