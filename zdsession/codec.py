"""Python values to bytes and back, with their types, and never by pickle.

msgpack carries None, bool, int (64 bits), float, str, bytes, list and dict. Everything else has an extension
tag of its own, so that a tuple comes back as a tuple and a Decimal as a Decimal. What has no tag and is not
registered is refused by name: see :class:`zdsession.errors.NotStorableError`.

The encoding is canonical: equal values give equal bytes (sets are sorted), which is how a session notices that
a nested value changed.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec.msgpack import Ext

from zdsession.errors import ConfigurationError, NotStorableError, UnreadableError

T = TypeVar("T")

#: Tags of msgpack extension types. Stored in every session: add, never renumber.
DATETIME, DATE, TIME, TIMEDELTA, DECIMAL, UUID_, SET, FROZENSET, TUPLE, BIGINT, PAIRS, APP = range(1, 13)

#: Containers may be nested this deep; a cycle ends here too.
MAX_DEPTH = 64

_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})
_AS_IS = _PLAIN - {int}
_NESTED = frozenset({list, dict})
_PLAIN_OR_NESTED = _PLAIN | _NESTED
#: Values on one level of nesting, above which the quick look at their types ends: a cycle may double at each level.
_QUICK = 100_000
_REFUSED = (NotStorableError, UnicodeEncodeError)
_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
_ZONED = re.compile(r"(?P<local>[^\[~]+)(?:\[(?P<zone>[^\]]+)\])?(?P<fold>~?)\Z")


@dataclass(frozen=True)
class AppType(Generic[T]):
    """A type of the app's own that may be put into sessions.

    ``name`` is what is stored: keep it when the class moves. ``encode`` turns an instance into something
    storable, ``decode`` turns that back. Only exact instances of ``cls`` are encoded, not subclasses.
    """

    name: str
    cls: type[T]
    encode: Callable[[T], Any]
    decode: Callable[[Any], T]


class Codec:
    """Encodes and decodes one value at a time. Safe to share between threads."""

    def __init__(self, types: Iterable[AppType[Any]] = ()) -> None:
        self._by_class: dict[type, AppType[Any]] = {}
        self._by_name: dict[str, AppType[Any]] = {}
        self._pack = msgspec.msgpack.Encoder().encode
        self._unpack = msgspec.msgpack.Decoder(ext_hook=self._from_tag).decode
        self._unpack_plain = msgspec.msgpack.Decoder(ext_hook=_not_plain).decode
        self._tagged: dict[type, Callable[[Any, int], Any]] = {
            dict: self._dict,
            list: self._list,
            tuple: lambda v, depth: self._tag(TUPLE, self._list(v, depth)),
            set: lambda v, depth: self._tag(SET, self._members(v, depth)),
            frozenset: lambda v, depth: self._tag(FROZENSET, self._members(v, depth)),
            datetime: _datetime_tag,
            date: lambda v, depth: Ext(DATE, v.isoformat().encode()),
            time: _time_tag,
            timedelta: lambda v, depth: self._tag(TIMEDELTA, [v.days, v.seconds, v.microseconds]),
            Decimal: lambda v, depth: Ext(DECIMAL, str(v).encode()),
            UUID: lambda v, depth: Ext(UUID_, v.bytes),
        }
        for app_type in types:
            self.register(app_type)

    def register(self, app_type: AppType[Any]) -> None:
        """Allow one more app type.

        Raises:
            ConfigurationError: its name or class is taken, or the class is one that needs no registering.
        """
        if app_type.cls in _PLAIN or app_type.cls in self._tagged:
            raise ConfigurationError(f"{app_type.cls.__name__} is stored as it is and cannot be registered")
        known = self._by_name.get(app_type.name) or self._by_class.get(app_type.cls)
        if known is not None and known != app_type:
            raise ConfigurationError(
                f"app type {app_type.name!r} for {app_type.cls.__name__} clashes with "
                f"{known.name!r} for {known.cls.__name__}"
            )
        self._by_class[app_type.cls] = app_type
        self._by_name[app_type.name] = app_type

    def encode(self, value: Any, path: str) -> bytes:
        """Canonical bytes of ``value``. ``path`` is where it sits, for the error.

        Raises:
            NotStorableError: something in it has no encoding.
        """
        try:
            if _is_plain(value):
                return self._pack(value)
        except (OverflowError, UnicodeEncodeError):
            pass  # an int beyond 64 bits has a tag, and a refusal says where
        try:
            return self._pack(self._prepare(value, 0))
        except _REFUSED:
            raise self._locate(value, path, 0) from None

    def decode(self, data: bytes) -> Any:
        """The value of ``data``.

        Raises:
            UnreadableError: these bytes are not ours, damaged, or of a type this code does not know.
        """
        try:
            return self._unpack(data)
        except UnreadableError:
            raise
        except Exception as error:  # whatever a decoder makes of hostile bytes, it ends here
            raise UnreadableError(f"{type(error).__name__}: {error}") from error

    def decode_plain(self, data: bytes) -> tuple[Any, bool]:
        """The value of ``data``, and whether it is all of types that msgpack has itself, so that nothing was lost.

        Raises:
            UnreadableError: as :meth:`decode`.
        """
        try:
            return self._unpack_plain(data), True
        except Exception:  # it has a tag, or is none of ours
            return self.decode(data), False

    # encoding: each step returns what msgpack can carry, the same object where nothing has to change

    def _prepare(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            if kind is int and not _MIN_INT <= value <= _MAX_INT:
                size = (value.bit_length() + 8) // 8
                return Ext(BIGINT, value.to_bytes(size, "big", signed=True))
            return value
        if depth >= MAX_DEPTH:
            raise NotStorableError("", kind.__name__, f"nested deeper than {MAX_DEPTH} levels")
        prepare = self._tagged.get(kind)
        if prepare is not None:
            return prepare(value, depth + 1)
        app_type = self._by_class.get(kind)
        if app_type is None:
            raise NotStorableError("", f"{kind.__module__}.{kind.__qualname__}", self._why_not(kind))
        return self._tag(APP, [app_type.name, self._prepare(app_type.encode(value), depth + 1)])

    def _list(self, value: Sequence[Any], depth: int) -> Sequence[Any]:
        prepare = self._prepare
        return [v if type(v) in _AS_IS else prepare(v, depth) for v in value]

    def _dict(self, value: dict[Any, Any], depth: int) -> Any:
        prepare, texts = self._prepare, True
        for key in value:
            if type(key) is not str:
                texts = False
                if type(key) is not int:
                    why = f"it is a dict with the key {key!r:.40}, and dict keys are str or int"
                    raise NotStorableError("", type(key).__name__, why)
        if texts:
            return {k: v if type(v) in _AS_IS else prepare(v, depth) for k, v in value.items()}
        return self._tag(PAIRS, [[prepare(k, depth), prepare(v, depth)] for k, v in value.items()])

    def _members(self, value: Iterable[Any], depth: int) -> list[msgspec.Raw]:
        return [msgspec.Raw(m) for m in sorted(self._pack(self._prepare(v, depth)) for v in value)]

    def _tag(self, code: int, value: Any) -> Ext:
        return Ext(code, self._pack(value))

    # refusing: encoding carries no path along, so a refusal looks for the place afterwards

    def _locate(self, value: Any, path: str, depth: int) -> NotStorableError:
        for step, child in self._children(value) if depth < MAX_DEPTH else ():
            if self._refusal(child, depth + 1) is not None:
                return self._locate(child, path + step, depth + 1)
        refusal = self._refusal(value, depth)
        if isinstance(refusal, NotStorableError):
            return NotStorableError(f"{path:.200}", refusal.kind, refusal.why)
        return NotStorableError(f"{path:.200}", "str", "it holds a lone surrogate, which is not text")

    def _refusal(self, value: Any, depth: int) -> Exception | None:
        try:
            self._pack(self._prepare(value, depth))
        except _REFUSED as error:
            return error
        return None

    def _children(self, value: Any) -> Iterable[tuple[str, Any]]:
        kind = type(value)
        if kind is dict:
            return ((f".{k}" if type(k) is str else f"[{k!r}]", v) for k, v in value.items())
        if kind in (list, tuple):
            return ((f"[{i}]", v) for i, v in enumerate(value))
        if kind in (set, frozenset):
            return (("{…}", v) for v in value)
        app_type = self._by_class.get(kind)
        return () if app_type is None else ((f"<{app_type.name}>", app_type.encode(value)),)

    def _why_not(self, kind: type) -> str:
        base = next((b.__name__ for b in kind.__mro__[1:] if b in self._tagged or b in _PLAIN), None)
        if base is not None:
            return f"a subclass of {base} would come back as {base}; convert it, or register it as an AppType"
        return "store plain data, or register the class as an AppType"

    # decoding

    def _from_tag(self, code: int, data: memoryview) -> Any:
        decode = _FROM_BYTES.get(code)
        if decode is not None:
            return decode(bytes(data))
        wrap = _FROM_VALUE.get(code)
        if wrap is not None:
            return wrap(self._unpack(data))
        if code == APP:
            name, value = self._unpack(data)
            app_type = self._by_name.get(name)
            if app_type is None:
                raise UnreadableError(f"app type {name!r:.80} is not registered here")
            return app_type.decode(value)
        raise UnreadableError(f"type tag {code} is not known here")


def _is_plain(value: Any) -> bool:
    """Whether msgpack carries ``value`` as it is, looked at level by level: quicker by far than value by value.

    False may also mean that it was not found out. What a list or a dict holds is asked of the garbage collector, for
    which CPython names a dict's keys only if they may be something else than exact ``str`` (``dict_traverse`` in its
    ``dictobject.c``, 3.11 to 3.14): a dict with as many referents as entries has no other keys.
    """
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        kinds = set(map(type, level))
        if kinds <= _PLAIN:
            return True
        if not kinds <= _PLAIN_OR_NESTED or len(level) > _QUICK:
            return False
        nested = level if kinds <= _NESTED else [v for v in level if type(v) in _NESTED]
        level = gc.get_referents(*nested)
        if len(level) != sum(map(len, nested)):
            return False
    return False


def _not_plain(code: int, data: memoryview) -> Any:
    raise UnreadableError("tagged")


def _time_tag(value: time, depth: int) -> Ext:
    if value.tzinfo is not None and value.utcoffset() is None:
        raise NotStorableError("", "time", f"its zone {value.tzinfo} has no offset without a date")
    _check_offset(value)
    return Ext(TIME, (value.isoformat() + "~" * value.fold).encode())


def _datetime_tag(value: datetime, depth: int) -> Ext:
    """ISO text; a ZoneInfo adds ``[Area/City]``, a second occurrence of a wall time adds ``~``.

    Other zone classes are kept as their offset: the instant is the same, the class is not.
    """
    zone = value.tzinfo
    if isinstance(zone, ZoneInfo) and zone.key:
        text = f"{value.replace(tzinfo=None).isoformat()}[{zone.key}]"
    else:
        _check_offset(value)
        text = value.isoformat()
    return Ext(DATETIME, (text + "~" * value.fold).encode())


def _check_offset(value: datetime | time) -> None:
    # datetime.fromisoformat() loses such an offset when it is below a second (CPython 3.11)
    if (offset := value.utcoffset()) is not None and offset.microseconds:
        raise NotStorableError("", type(value).__name__, "its offset from UTC has a fraction of a second")


def _datetime(data: bytes) -> datetime:
    match = _ZONED.match(data.decode())
    if match is None:
        raise UnreadableError("not a date and time")
    value = datetime.fromisoformat(match["local"])
    if match["zone"]:
        value = value.replace(tzinfo=ZoneInfo(match["zone"]))
    return value.replace(fold=1) if match["fold"] else value


def _time(data: bytes) -> time:
    text = data.decode()
    value = time.fromisoformat(text.rstrip("~"))
    return value.replace(fold=1) if text.endswith("~") else value


_FROM_BYTES: dict[int, Callable[[bytes], Any]] = {
    DATETIME: _datetime,
    DATE: lambda data: date.fromisoformat(data.decode()),
    TIME: _time,
    DECIMAL: lambda data: Decimal(data.decode()),
    UUID_: lambda data: UUID(bytes=data),
    BIGINT: lambda data: int.from_bytes(data, "big", signed=True),
}

_FROM_VALUE: dict[int, Callable[[Any], Any]] = {
    TIMEDELTA: lambda value: timedelta(*value),
    SET: set,
    FROZENSET: frozenset,
    TUPLE: tuple,
    PAIRS: dict,
}
