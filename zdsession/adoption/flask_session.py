"""Sessions of Flask-Session (0.7 and 0.8), as its msgspec serialiser stores them: msgpack or JSON.

Its older releases pickled, and its newer ones still unpickle what they find. Such sessions are refused: let the old app
run on Flask-Session 0.8 for ``PERMANENT_SESSION_LIFETIME`` first, which stores each session it touches anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zdsession.adoption.places import Place, RedisPlace, TablePlace
from zdsession.adoption.reader import OldCookie, decode_plain

if TYPE_CHECKING:
    import redis
    import sqlalchemy as sa

#: secrets.token_urlsafe, or a UUID in releases before 0.6.
_SID = re.compile(r"[A-Za-z0-9_-]{16,256}", re.ASCII)


class FlaskSessionReader:
    """Reads Flask-Session's sessions.

    Args:
        place: where they are; see :meth:`in_redis` and :meth:`in_sql`.
        prefix: its ``SESSION_KEY_PREFIX``.
        signed_with: the app's ``SECRET_KEY``, if it used ``SESSION_USE_SIGNER``.
        cookie: its cookie; the name is ``SESSION_COOKIE_NAME``.
    """

    name = "flask-session"

    def __init__(
        self,
        place: Place,
        *,
        prefix: str = "session:",
        signed_with: str | bytes | None = None,
        cookie: OldCookie | None = None,
    ) -> None:
        self.cookie = cookie or OldCookie("session")
        self._place = place
        self._prefix = prefix
        self._signer: Any = None
        if signed_with is not None:
            from itsdangerous import Signer

            self._signer = Signer(signed_with, salt="flask-session", key_derivation="hmac")

    @classmethod
    def in_redis(cls, redis: str | redis.Redis, **options: Any) -> FlaskSessionReader:
        """Of ``SESSION_TYPE = "redis"``, by URL or client."""
        return cls(RedisPlace(redis), **options)

    @classmethod
    def in_sql(cls, database: str | sa.Engine, *, table: str = "sessions", **options: Any) -> FlaskSessionReader:
        """Of ``SESSION_TYPE = "sqlalchemy"``, by URL or engine; ``table`` is ``SESSION_SQLALCHEMY_TABLE``."""
        return cls(TablePlace(database, table=table, key="session_id", value="data", expires="expiry"), **options)

    def key(self, value: str) -> str | None:
        if self._signer is not None:
            from itsdangerous import BadData

            try:
                value = self._signer.unsign(value).decode()
            except (BadData, UnicodeDecodeError):
                return None
        return self._prefix + value if _SID.fullmatch(value) else None

    def read(self, key: str) -> Mapping[str, Any] | None:
        data = self._place.get(key)
        return None if data is None else decode_plain(data)

    def remove(self, key: str) -> None:
        self._place.delete(key)

    def user(self, values: Mapping[str, Any]) -> str | None:
        return None
