"""The fleet in a session store: any store that keeps the contract of :class:`~zdsession.stores.base.Store` will do.

A record for each node, in which each of its processes keeps a key; one record, the roster, that names the nodes and
holds the barriers; one for each manifest, by its digest; one that says which manifests each version published, and
one that says when code with each manifest left.
Stores merge records by key, so processes do not overwrite each other, and none of these records expires: silence is
not absence.

A heartbeat costs a read and a write. The ids of these records are hashes that no session can have, and their secret is
the hash of none.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from zdsession.clock import now_ms
from zdsession.errors import ConfigurationError, StoreUnavailableError
from zdsession.fleet.hold import HoldOrder
from zdsession.fleet.model import Barrier, DrainOrder, Node, Process
from zdsession.manifest import Manifest
from zdsession.record import Change, Outcome, Record
from zdsession.stores.base import UNKNOWN_VERSION, Store

T = TypeVar("T")
log = logging.getLogger("zdsession.fleet")

_SECRET = b"zdsession fleet".ljust(32, b"\0")
#: The year 2200: never, as far as a store can say so.
_NEVER = 7_258_118_400_000
_TRIES = 5
_MANIFEST_BYTES = 64 << 20
#: A node that said goodbye so long ago is no longer listed.
_REMEMBERED_MS = 7 * 24 * 3_600_000
#: What is left of a forgotten node expires after this.
_EMPTY_MS = 24 * 3_600_000
_NODE, _BARRIER, _PROCESS, _ORDER, _HOLD, _DIGEST = "n:", "b:", "p:", "order", "hold", "d:"
_ID_LENGTH = 128
#: So many manifests are named by version, and remembered when they left; the oldest are forgotten first.
_VERSIONS_KEPT = 200


def checked_node_id(node: str) -> str:
    """``node``, if it can name one.

    Raises:
        ConfigurationError: it is empty, too long, or has characters that a shell or a terminal would mind.
    """
    if not 0 < len(node) <= _ID_LENGTH or not all(c.isascii() and (c.isalnum() or c in "-_.:@/") for c in node):
        raise ConfigurationError(
            f"a node is named by 1 to {_ID_LENGTH} letters, digits or -_.:@/, not {node[: 2 * _ID_LENGTH]!r}"
        )
    return node


class Registry:
    """Reads and writes the fleet.

    Every method may raise :class:`~zdsession.errors.StoreUnavailableError`.

    Args:
        store: the session store.
        clock: milliseconds since the epoch.
    """

    def __init__(self, store: Store, *, clock: Callable[[], int] = now_ms) -> None:
        self._store = store
        self._clock = clock

    # the roster

    def since(self) -> int | None:
        """When the registry began, or lost its memory and began again; None if there is none."""
        roster = self._store.load(_ROSTER)
        return None if roster is None else roster.created

    def enlist(self, node: str) -> list[Barrier]:
        """Name a node in the roster, and return the barriers. A read, and a write if it was not named."""
        roster = self._store.load(_ROSTER)
        if roster is None or roster.values.get(_NODE + node) != b"":
            self._update(_ROSTER, put={_NODE + node: b""})
            for old in self._forgettable(roster):
                self.forget(old)
        return _barriers(roster)

    def nodes(self) -> list[Node]:
        """All nodes, those included that said goodbye within a week, by id. One read for each, and one."""
        roster = self._store.load(_ROSTER)
        return [self._node(node, _is_present(value)) for node, value in _named(roster)]

    def node(self, node: str) -> Node | None:
        """One node; None for one that was never heard of, or is forgotten."""
        roster = self._store.load(_ROSTER)
        found = dict(_named(roster))
        return self._node(node, _is_present(found[node])) if node in found else None

    def forget(self, node: str) -> bool:
        """Strike a node out: somebody knows that it has ended. One that lives comes back with its next heartbeat."""
        roster = self._store.load(_ROSTER)
        record = self._store.load(_node_record(node))
        named = roster is not None and _NODE + node in roster.values
        self._has_left(_read_node(node, record).processes)
        if named:  # first, so that a node that lives sees its entry gone and enlists again
            self._update(_ROSTER, drop=(_NODE + node,))
        # Emptied and left to expire: what is destroyed stays so in a mirrored store, and a name may be used again.
        if record is not None:
            self._update(_node_record(node), drop=tuple(record.values), base=record, until=self._clock() + _EMPTY_MS)
        return named or (record is not None and bool(record.values))

    # what a process does

    def beat(self, node: str, process: Process, ended: Callable[[Process], bool]) -> Node:
        """Write what a process says of itself.

        Args:
            node: the node it belongs to.
            process: what it says.
            ended: whether another process is known to have ended; silence is no reason.

        Returns:
            The node as it was just before, without what has ended.
        """
        key = _PROCESS + process.id
        base = self._store.load(_node_record(node))
        before = _read_node(node, base)
        dead = [other for other in before.processes if other.id != process.id and ended(other)]
        drop = [_PROCESS + other.id for other in dead]
        rest = tuple(other for other in before.processes if other not in dead)
        if before.order is not None and not rest and not before.damaged:
            drop.append(_ORDER)  # it was for the processes that have ended since
            before = msgspec.structs.replace(before, order=None)
        self._has_left(dead)
        self._update(_node_record(node), put={key: _packed(process)}, drop=drop, base=base)
        return msgspec.structs.replace(before, processes=rest)

    def goodbye(self, node: str, process_id: str) -> None:
        """A process ends. With its last one the node is gone; it stays in the list for a week."""
        record = self._store.load(_node_record(node))
        if record is None or _PROCESS + process_id not in record.values:
            return
        self._has_left(one for one in _read_node(node, record).processes if one.id == process_id)
        self._update(_node_record(node), drop=(_PROCESS + process_id,), base=record)
        left = self._store.load(_node_record(node))
        if left is None or not any(key.startswith(_PROCESS) for key in left.values):
            self._update(_ROSTER, put={_NODE + node: str(self._clock()).encode()})

    # drain

    def order_drain(self, node: str, order: DrainOrder) -> None:
        """Tell a node to drain; its processes read it with their next heartbeat."""
        self._update(_node_record(node), put={_ORDER: _packed(order)})

    def end_drain(self, node: str) -> None:
        """Tell it to stay after all. Nothing if it was not draining."""
        if self._store.load(_node_record(node)) is not None:
            self._update(_node_record(node), drop=(_ORDER,))

    # hold

    def order_hold(self, node: str, order: HoldOrder) -> None:
        """Tell a node to hold; its processes read it with their next heartbeat, then look often."""
        self._update(_node_record(node), put={_HOLD: _packed(order)})

    def end_hold(self, node: str) -> None:
        """Let it go on. Nothing if it was not told to hold."""
        record = self._store.load(_node_record(node))
        if record is not None and _HOLD in record.values:
            self._update(_node_record(node), drop=(_HOLD,), base=record)

    def hold_of(self, node: str) -> HoldOrder | None:
        """The order to hold of a node. One read."""
        return _read_node(node, self._store.load(_node_record(node))).hold

    # manifests and barriers

    def publish(self, manifest: Manifest, version: str | None = None) -> None:
        """Keep a manifest under its digest and its version; nothing if it is there.

        Args:
            manifest: what the app maps.
            version: what the node calls itself, where that is not the version in the manifest.
        """
        record_id = _manifest_record(manifest.digest)
        found = self._store.load(record_id)
        if found is None or not found.values:
            self._update(record_id, put={"manifest": zlib.compress(manifest.to_json())})
        self._name_version(version or manifest.version, manifest.digest)

    def versions(self) -> list[str]:
        """The versions whose manifests are known, the last to be published first."""
        named = _named_versions(self._store.load(_VERSIONS))
        return list(dict.fromkeys(version for _, version, _ in reversed(named)))

    def manifests_of(self, version: str) -> list[Manifest]:
        """What was published for a version, the latest first: it outlives the nodes that ran it."""
        named = _named_versions(self._store.load(_VERSIONS))
        found = [self.manifest(digest) for _, name, digest in reversed(named) if name == version]
        return [manifest for manifest in found if manifest is not None]

    def known(self) -> list[Manifest]:
        """Every manifest that is named by a version, of nodes that run and of those that ran. One read for each."""
        digests = dict.fromkeys(digest for _, _, digest in _named_versions(self._store.load(_VERSIONS)))
        return [manifest for digest in digests if (manifest := self.manifest(digest)) is not None]

    def _name_version(self, version: str, digest: str) -> None:
        record = self._store.load(_VERSIONS)
        key = f"{digest}:{version}"
        if record is None or key not in record.values:
            old = [f"{digest}:{name}" for _, name, digest in _named_versions(record)[: -_VERSIONS_KEPT + 1]]
            self._update(_VERSIONS, put={key: str(self._clock()).encode()}, drop=old)

    def left(self) -> dict[str, int]:
        """When the last process to leave with each manifest did, by digest ("" for those without one), in milliseconds.

        It left when it said goodbye, was seen to have ended, or was forgotten. Others with that manifest may run on.
        """
        record = self._store.load(_LEFT)
        values = {} if record is None else record.values
        return {digest.removeprefix(_DIGEST): int(at) for digest, at in values.items() if at.isdigit()}

    def _has_left(self, processes: Iterable[Process]) -> None:
        """Written before they are struck out: whoever no longer finds them finds when they left."""
        digests = {one.manifest for one in processes}
        if not digests:
            return
        known = sorted(self.left().items(), key=lambda item: item[1])
        old = [_DIGEST + digest for digest, _ in known[: -_VERSIONS_KEPT + 1] if digest not in digests]
        now = str(self._clock()).encode()
        self._update(_LEFT, put={_DIGEST + digest: now for digest in digests}, drop=old)

    def manifest(self, digest: str) -> Manifest | None:
        """The manifest with this digest; None if it is not there or damaged."""
        record = self._store.load(_manifest_record(digest))
        packed = None if record is None else record.values.get("manifest")
        if packed is None:
            return None
        try:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(packed, _MANIFEST_BYTES)
            found = Manifest.from_json(data, origin=f"manifest {digest[:8]} in the session store")
        except Exception as error:  # whatever damaged bytes can do: it does not count as a manifest
            log.warning("manifest %.8s in the session store cannot be read: %s", digest, error)
            return None
        return found if found.digest == digest else None

    def barriers(self) -> list[Barrier]:
        """The barriers that are up."""
        return _barriers(self._store.load(_ROSTER))

    def raise_barrier(self, barrier: Barrier) -> None:
        """Put one up, or replace the one of that name.

        Read the fleet after this: a process that did not see the barrier when it became ready is then in the list.
        """
        self._update(_ROSTER, put={_BARRIER + barrier.name: _packed(barrier)})

    def lift_barrier(self, name: str) -> None:
        """Take one down. Nothing if there is none of that name."""
        if self._store.load(_ROSTER) is not None:
            self._update(_ROSTER, drop=(_BARRIER + name,))

    def _node(self, node: str, present: bool) -> Node:
        record = self._store.load(_node_record(node))
        if record is None:
            return Node(node, missing=present)
        return _read_node(node, record)

    def _forgettable(self, roster: Record | None) -> list[str]:
        limit = self._clock() - _REMEMBERED_MS
        return [node for node, value in _named(roster) if value.isdigit() and int(value) < limit]

    def _update(
        self,
        record_id: str,
        *,
        put: Mapping[str, bytes] | None = None,
        drop: Iterable[str] = (),
        base: Record | None = None,
        until: int = _NEVER,
    ) -> None:
        """Change a record, and make it where there is none. It expires at ``until``."""
        now = self._clock()
        change = Change(now, until, put or {}, frozenset(drop))
        for _ in range(_TRIES):
            if base is None:
                new = Record(_SECRET, now, now, now, _NEVER, _NEVER)
                self._store.create(record_id, new)
                base = replace(new, version=UNKNOWN_VERSION)
            if self._store.save(record_id, base, change).outcome is not Outcome.GONE:
                return
            base = None
        raise StoreUnavailableError("the record of the fleet was removed each time it was made")


def _record_id(what: str) -> str:
    return sha256(f"zdsession fleet\0{what}".encode()).hexdigest()


_ROSTER = _record_id("roster")
_VERSIONS = _record_id("versions")
_LEFT = _record_id("left")


def _node_record(node: str) -> str:
    return _record_id(f"node\0{node}")


def _manifest_record(digest: str) -> str:
    return _record_id(f"manifest\0{digest}")


def _named(roster: Record | None) -> list[tuple[str, bytes]]:
    """The nodes in a roster, and when each said goodbye: "" for one that did not."""
    values = {} if roster is None else roster.values
    return sorted((key.removeprefix(_NODE), value) for key, value in values.items() if key.startswith(_NODE))


def _named_versions(record: Record | None) -> list[tuple[int, str, str]]:
    """When each manifest was first published for a version, the version, and the digest; the oldest first."""
    values = {} if record is None else record.values
    found = []
    for key, at in values.items():
        digest, _, version = key.partition(":")
        found.append((int(at) if at.isdigit() else 0, version, digest))
    return sorted(found)


def _is_present(value: bytes) -> bool:
    return not value.isdigit()


def _barriers(roster: Record | None) -> list[Barrier]:
    values = {} if roster is None else roster.values
    found = []
    for key, packed in sorted(values.items()):
        if key.startswith(_BARRIER):
            barrier = _unpacked(packed, Barrier)
            if barrier is None:  # nobody can say what it keeps out, so it may not keep out everybody
                log.warning("barrier %s in the session store cannot be read", key.removeprefix(_BARRIER))
            else:
                found.append(barrier)
    return found


def _read_node(node: str, record: Record | None) -> Node:
    values = {} if record is None else record.values
    read = [_unpacked(packed, Process) for key, packed in values.items() if key.startswith(_PROCESS)]
    processes = sorted((one for one in read if one is not None), key=lambda one: (one.started, one.id))
    order = _unpacked(values[_ORDER], DrainOrder) if _ORDER in values else None
    hold = _unpacked(values[_HOLD], HoldOrder) if _HOLD in values else None
    return Node(node, tuple(processes), order, damaged=len(read) - len(processes), hold=hold)


def _packed(value: msgspec.Struct) -> bytes:
    return msgspec.msgpack.encode(value)


def _unpacked(packed: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.msgpack.decode(packed, type=kind)
    except msgspec.DecodeError as error:
        log.warning("an entry of the fleet cannot be read: %s", error)
        return None
