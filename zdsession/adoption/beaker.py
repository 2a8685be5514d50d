"""Beaker's sessions with ``session.data_serializer = json``, in Redis or SQL.

Beaker compresses its JSON, puts it into base64, and that into a pickle of one text (Redis) or of a dict with one text
in it (SQL). Those two shapes are matched here byte by byte; nothing is unpickled, and any other pickle is refused.
"""

from __future__ import annotations

import hmac
import re
import time
import zlib
from base64 import b64decode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from zdsession.adoption.places import Place, RedisPlace, TablePlace
from zdsession.adoption.reader import OldCookie, RefusedError
from zdsession.options import Duration, milliseconds

if TYPE_CHECKING:
    import redis
    import sqlalchemy as sa

_SID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SIGNATURE = 40
#: A session is not inflated to more than this many bytes.
_MOST = 2**24
#: Beaker's own entries in a session.
_OWN = frozenset({"_accessed_time", "_creation_time", "_domain", "_path"})

#: Pickle's opcodes: protocol and frame; a text, or the bytes older releases had, with its length; and what ends it.
_HEAD = rb"\x80[\x02-\x05](?:\x95.{8})?"
_TEXT = rb"(?:[\x8cC](?P<short>.)|[XB](?P<long>.{4})|[\x8d\x8e](?P<huge>.{8}))"
_LITERAL = re.compile(_HEAD + _TEXT, re.DOTALL)
_ENTRY = re.compile(_HEAD + rb"\}(?:\x94|q.)(?:\x8c\x07|X\x07\x00\x00\x00)session(?:\x94|q.)" + _TEXT, re.DOTALL)
_AFTER_LITERAL = re.compile(rb"(?:\x94|q.)?\.", re.DOTALL)
_AFTER_ENTRY = re.compile(rb"(?:\x94|q.)?s\.", re.DOTALL)


class BeakerReader:
    """Reads Beaker's sessions, neither pickled by it nor encrypted (``session.encrypt_key``).

    Args:
        place: where they are; see :meth:`in_redis` and :meth:`in_sql`.
        key_format: of a key there; ``%s`` is the session's id.
        secret: ``session.secret``. Without one Beaker takes any id as proof, and so do we, for the sessions it has.
        timeout: ``session.timeout``.
        cookie: its cookie; the name is ``session.key``.
    """

    name = "beaker"

    def __init__(
        self,
        place: Place,
        *,
        key_format: str = "%s",
        secret: str | None = None,
        timeout: Duration | None = None,
        cookie: OldCookie | None = None,
    ) -> None:
        self.cookie = cookie or OldCookie("beaker.session.id")
        self._place = place
        self._key_format = key_format
        self._secret = None if secret is None else secret.encode()
        self._timeout = None if timeout is None else milliseconds(timeout) / 1000

    @classmethod
    def in_redis(cls, redis: str | redis.Redis, **options: Any) -> BeakerReader:
        """Of ``session.type = ext:redis``, by URL or client."""
        return cls(RedisPlace(redis), key_format="beaker_cache:%s:session", **options)

    @classmethod
    def in_sql(cls, database: str | sa.Engine, *, table: str = "beaker_cache", **options: Any) -> BeakerReader:
        """Of ``session.type = ext:database`` or ``ext:sqla``, by URL or engine; ``table`` is ``session.table_name``."""
        return cls(TablePlace(database, table=table, key="namespace", value="data"), **options)

    def key(self, value: str) -> str | None:
        if self._secret is not None:
            signature, value = value[:_SIGNATURE], value[_SIGNATURE:]
            expected = hmac.new(self._secret, value.encode(), "sha1").hexdigest()
            if not hmac.compare_digest(expected.encode(), signature.encode()):
                return None
        return self._key_format % value if _SID.fullmatch(value) else None

    def read(self, key: str) -> Mapping[str, Any] | None:
        data = self._place.get(key)
        if data is None:
            return None
        try:
            values = msgspec.json.decode(_inflated(b64decode(_unwrapped(data), validate=True)))
        except (msgspec.DecodeError, zlib.error, ValueError, RecursionError):
            raise RefusedError("not JSON: Beaker's default is pickle, and some encrypt") from None
        if not isinstance(values, dict):
            raise RefusedError("not a dict")
        if self._has_expired(values.get("_accessed_time")):
            return None
        return {name: value for name, value in values.items() if name not in _OWN}

    def remove(self, key: str) -> None:
        self._place.delete(key)

    def user(self, values: Mapping[str, Any]) -> str | None:
        return None

    def _has_expired(self, accessed: object) -> bool:
        if self._timeout is None:
            return False
        return not isinstance(accessed, int | float) or time.time() - accessed > self._timeout


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    plain = inflater.decompress(data, _MOST)
    if not inflater.eof:
        raise RefusedError(f"cut short, or more than {_MOST:,} bytes")
    return plain


def _unwrapped(data: bytes) -> bytes:
    """The one text in a pickle that holds nothing else."""
    for shape, rest in ((_LITERAL, _AFTER_LITERAL), (_ENTRY, _AFTER_ENTRY)):
        match = shape.match(data)
        if match is None:
            continue
        size = int.from_bytes(match["short"] or match["long"] or match["huge"], "little")
        end = match.end() + size
        if end < len(data) and rest.fullmatch(data, end):
            return data[match.end() : end]
    raise RefusedError("pickled")
