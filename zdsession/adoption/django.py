"""Django's sessions: rows it signed, or values in a cache that serialises to JSON or msgpack.

Django's own cache backends pickle whatever ``SESSION_SERIALIZER`` says, so sessions of the ``cache`` engine in them are
refused. Run the old app with the ``cached_db`` engine for a session's lifetime first: it writes the rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any

from zdsession.adoption.places import Place, RedisPlace, TablePlace
from zdsession.adoption.reader import OldCookie, RefusedError, decode_plain

if TYPE_CHECKING:
    import redis
    import sqlalchemy as sa

_KEY = re.compile(r"[a-z0-9]{8,40}", re.ASCII)
_SALT = "django.contrib.sessions.SessionStore"
_USER = "_auth_user_id"


class DjangoReader:
    """Reads the sessions of Django's ``db``, ``cached_db`` and ``cache`` engines. See the class methods.

    Args:
        place: where they are.
        prefix: of a key there.
        secret_keys: ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS`` of signed rows; None for a cache, which signs nothing.
        cookie: its cookie; the name is ``SESSION_COOKIE_NAME``.
    """

    name = "django"

    def __init__(
        self, place: Place, *, prefix: str, secret_keys: Sequence[str] | None, cookie: OldCookie | None = None
    ) -> None:
        self.cookie = cookie or OldCookie("sessionid")
        self._place = place
        self._prefix = prefix
        self._secret_keys = secret_keys

    @classmethod
    def in_sql(
        cls,
        database: str | sa.Engine,
        *,
        secret_key: str,
        fallbacks: Sequence[str] = (),
        table: str = "django_session",
        zone: tzinfo = UTC,
        cookie: OldCookie | None = None,
    ) -> DjangoReader:
        """Of the engines ``db`` and ``cached_db`` with the JSON serialiser.

        ``zone`` is UTC with ``USE_TZ = True``, and ``TIME_ZONE`` without.
        """
        place = TablePlace(
            database, table=table, key="session_key", value="session_data", expires="expire_date", zone=zone
        )
        return cls(place, prefix="", secret_keys=[secret_key, *fallbacks], cookie=cookie)

    @classmethod
    def in_redis_cache(
        cls,
        redis: str | redis.Redis,
        *,
        key_prefix: str = "",
        version: int = 1,
        cookie: OldCookie | None = None,
    ) -> DjangoReader:
        """Of the engine ``cache``, in a Redis cache whose serialiser makes JSON or msgpack.

        ``key_prefix`` and ``version`` are those of the cache in ``CACHES``.
        """
        prefix = f"{key_prefix}:{version}:django.contrib.sessions.cache"
        return cls(RedisPlace(redis), prefix=prefix, secret_keys=None, cookie=cookie)

    def key(self, value: str) -> str | None:
        return self._prefix + value if _KEY.fullmatch(value) else None

    def read(self, key: str) -> Mapping[str, Any] | None:
        data = self._place.get(key)
        if data is None:
            return None
        return decode_plain(data) if self._secret_keys is None else self._verified(data, self._secret_keys)

    def remove(self, key: str) -> None:
        self._place.delete(key)

    def user(self, values: Mapping[str, Any]) -> str | None:
        user = values.get(_USER)
        return user if isinstance(user, str) else None

    def _verified(self, data: bytes, secret_keys: Sequence[str]) -> Mapping[str, Any]:
        from django.core import signing

        fallbacks: list[str | bytes] = [*secret_keys[1:]]
        try:
            values = signing.loads(data.decode(), key=secret_keys[0], salt=_SALT, fallback_keys=fallbacks)
        except signing.BadSignature:
            raise RefusedError("its signature is of none of our keys") from None
        except (ValueError, RecursionError):  # signed by us, and not JSON
            raise RefusedError("not serialised as JSON") from None
        if not isinstance(values, dict):
            raise RefusedError("not a dict")
        return values
