"""A record as the fields of a Redis hash, and back.

``=`` and the top-level key for a value; one letter for everything else. Times are decimal milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zdsession.record import Change, Record, is_sound


def to_fields(record: Record) -> list[Any]:
    """Field, value, field, value … for HSET."""
    fields: dict[str, Any] = {
        "h": record.secret,
        "c": record.created,
        "s": record.seen,
        "r": record.renewed,
        "e": record.expires,
        "d": record.deadline,
    }
    if record.previous:
        fields |= {"p": record.previous, "g": record.previous_until, "b": int(record.previous_blank)}
    if record.user is not None:
        fields["u"] = record.user
    fields |= {"=" + key: value for key, value in record.values.items()}
    return _flat(fields)


def from_fields(flat: Sequence[bytes]) -> Record | None:
    """The record of field, value, field, value …, or None when something is missing or is not what we write."""
    parts = iter(flat)
    try:
        named, values = {}, {}
        for name, value in zip(parts, parts, strict=True):
            if name.startswith(b"="):
                values[name[1:].decode()] = value
            else:
                named[name] = value
        user = named.get(b"u")
        record = Record(
            named[b"h"],
            int(named[b"c"]),
            int(named[b"s"]),
            int(named[b"r"]),
            int(named[b"e"]),
            int(named[b"d"]),
            named.get(b"p", b""),
            int(named.get(b"g", 0)),
            named.get(b"b") == b"1",
            None if user is None else user.decode(),
            values,
        )
    except (KeyError, ValueError):
        return None
    return record if is_sound(record) else None


def save_args(change: Change) -> list[Any]:
    """Arguments of the SAVE script after the time to live."""
    args: list[Any] = [change.seen, change.expires]
    rotation, binding = change.rotation, change.binding
    if rotation is None:
        args += ["", "", 0, 0, 0]
    else:
        args += [rotation.secret, rotation.expected or "", rotation.at, rotation.previous_until]
        args.append(int(rotation.previous_blank))
    if binding is None:
        args += ["", ""]
    else:
        args += ["unbind", ""] if binding.user is None else ["bind", binding.user]
    args += [len(change.put), len(change.drop), len(change.swap), int(change.extends)]
    args += _flat({"=" + key: value for key, value in change.put.items()})
    args += ["=" + key for key in change.drop]
    for key, (expected, new) in change.swap.items():
        args += ["=" + key, expected, new]
    return args


def _flat(fields: Mapping[str, Any]) -> list[Any]:
    return [part for pair in fields.items() for part in pair]
