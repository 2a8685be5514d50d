"""Sessions in Redis or Valkey: one hash a session, one request to read it, one Lua call to change it.

Redis expires the key, by a time to live computed on the node, so the server's clock does not have to agree with ours.

The by-user index is one sorted set a user, scored by when a session was added. It is written before the session
is bound, so a bound session is always in it, and cleaned when it is read; a member whose session is missing is left
alone for a minute, since its login may be about to finish.

Every request is about one key, so in a cluster each goes to the owner of its slot: a session and the index of its user
may live on different nodes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from hashlib import sha256

from msgspec.structs import replace

from zdsession.clock import now_ms
from zdsession.record import Change, Found, Outcome, Record, Saved, is_live, merge
from zdsession.stores import redis_scripts as scripts
from zdsession.stores.base import RESERVED_IDS
from zdsession.stores.redis_client import NotOursError, RedisClient, RunningServer
from zdsession.stores.redis_fields import from_fields, save_args, to_fields

log = logging.getLogger("zdsession.store")

_INDEX_PATIENCE_MS = 60_000
_BATCH = 200
_HEX = frozenset("0123456789abcdef")


class RedisStore:
    """A store on one Redis or Valkey, on a primary that Sentinels watch, or on a cluster.

    Args:
        url: ``redis://``, ``redis+sentinel://`` or ``redis+cluster://``; see :mod:`zdsession.stores.redis_url`.
        budget: seconds one operation may take, all tries included.
        prefix: begins every key.
        max_connections: to each server, for each process.
        wait_replicas: so many replicas must have a write before it counts as done; until they do it is
            :class:`~zdsession.errors.StoreUnavailableError`, though it may have been made. The times of a touch
            are not worth waiting for.
        clock: gives milliseconds since the epoch.

    Raises:
        ConfigurationError: a URL or an option that cannot work.
    """

    def __init__(
        self,
        url: str,
        *,
        budget: float = 1.0,
        prefix: str = "zdsession:",
        max_connections: int = 64,
        wait_replicas: int = 0,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._redis = RedisClient(url, budget=budget, max_connections=max_connections, wait_replicas=wait_replicas)
        self._prefix = prefix
        self._clock = clock

    def load(self, record_id: str) -> Record | None:
        key = self._key(record_id)
        try:
            fields = self._redis.ask(key, "HGETALL", key, until=self._redis.time_limit())
        except NotOursError:
            log.warning("record %.12s is not a session hash: taken as absent", record_id)
            return None
        if not fields:
            return None
        record = from_fields(fields)
        if record is None:
            log.warning("record %.12s cannot be read: taken as absent", record_id)
            return None
        return record if is_live(record, self._clock()) else None

    def create(self, record_id: str, record: Record) -> bool:
        until = self._redis.time_limit()
        if record.user is not None:
            self._index(record.user, record_id, record.deadline, until)
        args = [self._ttl(record.expires), record.secret, *to_fields(record)]
        return bool(self._redis.run(scripts.CREATE, self._key(record_id), args, until=until))

    def save(self, record_id: str, base: Record, change: Change) -> Saved:
        until = self._redis.time_limit()
        if change.binding is not None and change.binding.user is not None:
            self._index(change.binding.user, record_id, base.deadline, until)
        args = [self._ttl(change.expires), *save_args(change)]
        answer = self._redis.run(scripts.SAVE, self._key(record_id), args, until=until)
        if answer == 0:
            return Saved(Outcome.GONE)
        if answer == 2:
            return Saved(Outcome.YIELDED, merge(base, replace(change, rotation=None))[0])
        return Saved(Outcome.SAVED, merge(base, change)[0])

    def touch(self, record_id: str, seen: int, expires: int) -> None:
        args = [self._ttl(expires), seen, expires]
        self._redis.run(scripts.TOUCH, self._key(record_id), args, until=self._redis.time_limit(), keep=False)

    def destroy(self, record_id: str) -> bool:
        key = self._key(record_id)
        return bool(self._redis.write(key, "DEL", key, until=self._redis.time_limit()))

    def sessions_of(self, user: str) -> list[Found]:
        return self._sessions_of(user, self._redis.time_limit())

    def revoke_user(self, user: str, *, keep: str | None = None) -> int:
        until, revoked = self._redis.time_limit(), 0
        for batch in self._members(user, until):
            doomed = [self._key(record_id) for record_id, _ in batch if record_id != keep]
            # EVAL rather than EVALSHA: many answers are not asked for again because of a server without the script
            commands = [(key, ("EVAL", scripts.REVOKE.source, 1, key, user)) for key in doomed]
            answers = self._redis.ask_many(commands, until=until, write=True)
            revoked += sum(answer for answer in answers if answer)
        self._sessions_of(user, until)  # cleans the index
        return revoked

    def sweep(self, limit: int = 1000) -> int:
        return 0

    def scan(self, cursor: str = "", limit: int = 500) -> tuple[list[str], str]:
        """See :class:`~zdsession.stores.base.Scannable`. A restart or a failover makes it begin anew.

        It may miss what is in a slot that a cluster moves meanwhile.
        """
        until = self._redis.time_limit()
        servers = self._redis.servers(until)
        life = _life_of(servers)
        at, position = _resumed(cursor, life)
        pattern = f"{_escaped(self._prefix)}{'[0-9a-f]' * 8}*"
        command = ("SCAN", position, "MATCH", pattern, "COUNT", limit)
        next_position, keys = self._redis.ask_server(servers[at].node, *command, until=until)
        ids = [key.decode(errors="replace")[len(self._prefix) :] for key in keys]
        ids = [record_id for record_id in ids if len(record_id) == 64 and set(record_id) <= _HEX]
        ids = [record_id for record_id in ids if record_id not in RESERVED_IDS]
        if next_position == b"0":
            at += 1
        return ids, "" if at == len(servers) else f"{life} {at} {int(next_position)}"

    def life(self) -> str:
        """See :class:`~zdsession.stores.base.Forgetful`: changes with every restart and failover."""
        return _life_of(self._redis.servers(self._redis.time_limit()))

    def close(self) -> None:
        self._redis.close()

    def _key(self, record_id: str) -> str:
        return f"{self._prefix}{record_id}"

    def _index_key(self, user: str) -> str:
        return f"{self._prefix}user:{sha256(user.encode()).hexdigest()}"

    def _ttl(self, expires: int) -> int:
        return max(1, expires - self._clock())

    def _index(self, user: str, record_id: str, deadline: int, until: float) -> None:
        args = [self._clock(), record_id, self._ttl(deadline)]
        self._redis.run(scripts.INDEX, self._index_key(user), args, until=until)

    def _sessions_of(self, user: str, until: float) -> list[Found]:
        now, found, dead = self._clock(), [], []
        for batch in self._members(user, until):
            keys = [self._key(record_id) for record_id, _ in batch]
            answers = self._redis.ask_many([(key, ("HMGET", key, "u", "c", "s", "e")) for key in keys], until=until)
            for (record_id, added), answer in zip(batch, answers, strict=True):
                if answer is None or answer[0] != user.encode():
                    if now - added > _INDEX_PATIENCE_MS:
                        dead.append(record_id)
                elif all(time and time.isdigit() for time in answer[1:]):
                    one = Found(record_id, *(int(time) for time in answer[1:]))
                    if now < one.expires:
                        found.append(one)
        if dead:
            key = self._index_key(user)
            self._redis.ask(key, "ZREM", key, *dead, until=until)
        return sorted(found, key=lambda f: (f.created, f.id))

    def _members(self, user: str, until: float) -> Iterator[list[tuple[str, int]]]:
        """The user's index in batches of (record id, when it was added in ms)."""
        key = self._index_key(user)
        answer = self._redis.ask(key, "ZRANGE", key, 0, -1, "WITHSCORES", until=until)
        members = [(name.decode(), int(float(added))) for name, added in zip(answer[::2], answer[1::2], strict=True)]
        for start in range(0, len(members), _BATCH):
            yield members[start : start + _BATCH]


def _life_of(servers: list[RunningServer]) -> str:
    return sha256(" ".join(sorted(server.life for server in servers)).encode()).hexdigest()[:16]


def _escaped(text: str) -> str:
    """``text`` as a pattern that only matches itself."""
    return "".join(f"\\{letter}" if letter in "*?[]^\\" else letter for letter in text)


def _resumed(cursor: str, life: str) -> tuple[int, int]:
    """Which server, and where in it; the beginning if the cursor is from another life of theirs."""
    began, _, place = cursor.partition(" ")
    if began != life:
        return 0, 0
    at, _, position = place.partition(" ")
    return int(at), int(position)
