"""Sessions in Redis or Valkey: one hash a session, one request to read it, one Lua call to change it.

Redis expires the key, by a time to live computed on the node, so the server's clock does not have to agree with ours.

The by-user index is one sorted set a user, scored by when a session was added. It is written before the session
is bound, so a bound session is always in it, and cleaned when it is read; a member whose session is missing is left
alone for a minute, since its login may be about to finish.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256

from zdsession.clock import now_ms
from zdsession.record import Change, Found, Outcome, Record, Saved, is_live, merge
from zdsession.stores import redis_scripts as scripts
from zdsession.stores.redis_fields import from_fields, save_args, to_fields
from zdsession.stores.redis_server import NotOursError, RedisServer

log = logging.getLogger("zdsession.store")

_INDEX_PATIENCE_MS = 60_000
_BATCH = 200


class RedisStore:
    """A store on one Redis address.

    Args:
        url: ``redis://`` or ``rediss://``, with redis-py's options in the query.
        budget: seconds one operation may take, the second try included.
        prefix: begins every key.
        max_connections: for each process.
        clock: gives milliseconds since the epoch.
    """

    def __init__(
        self,
        url: str,
        *,
        budget: float = 1.0,
        prefix: str = "zdsession:",
        max_connections: int = 64,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._server = RedisServer(url, budget=budget, max_connections=max_connections)
        self._prefix = prefix
        self._clock = clock

    def load(self, record_id: str) -> Record | None:
        try:
            fields = self._server.ask("HGETALL", self._key(record_id))
        except NotOursError:
            log.warning("record %.12s is not a session hash: taken as absent", record_id)
            return None
        if not fields:
            return None
        record = from_fields(dict(zip(fields[::2], fields[1::2], strict=True)))
        if record is None:
            log.warning("record %.12s cannot be read: taken as absent", record_id)
            return None
        return record if is_live(record, self._clock()) else None

    def create(self, record_id: str, record: Record) -> bool:
        if record.user is not None:
            self._index(record.user, record_id, record.deadline)
        args = [self._ttl(record.expires), record.secret, *to_fields(record)]
        return bool(self._server.run_script(scripts.CREATE, self._key(record_id), args))

    def save(self, record_id: str, base: Record, change: Change) -> Saved:
        if change.binding is not None and change.binding.user is not None:
            self._index(change.binding.user, record_id, base.deadline)
        answer = self._server.run_script(
            scripts.SAVE, self._key(record_id), [self._ttl(change.expires), *save_args(change)]
        )
        if answer == 0:
            return Saved(Outcome.GONE)
        if answer == 2:
            return Saved(Outcome.YIELDED, merge(base, replace(change, rotation=None))[0])
        return Saved(Outcome.SAVED, merge(base, change)[0])

    def touch(self, record_id: str, seen: int, expires: int) -> None:
        self._server.run_script(scripts.TOUCH, self._key(record_id), [self._ttl(expires), seen, expires])

    def destroy(self, record_id: str) -> bool:
        return bool(self._server.ask("DEL", self._key(record_id)))

    def sessions_of(self, user: str) -> list[Found]:
        now, found, dead = self._clock(), [], []
        for batch in self._members(user):
            answers = self._server.ask_many([("HMGET", self._key(i), "u", "c", "s", "e") for i, _ in batch])
            for (record_id, added), answer in zip(batch, answers, strict=True):
                if answer is None or answer[0] != user.encode():
                    if now - added > _INDEX_PATIENCE_MS:
                        dead.append(record_id)
                elif all(time and time.isdigit() for time in answer[1:]):
                    one = Found(record_id, *(int(time) for time in answer[1:]))
                    if now < one.expires:
                        found.append(one)
        if dead:
            self._server.ask("ZREM", self._index_key(user), *dead)
        return sorted(found, key=lambda f: (f.created, f.id))

    def revoke_user(self, user: str, *, keep: str | None = None) -> int:
        revoked = 0
        for batch in self._members(user):
            doomed = [self._key(record_id) for record_id, _ in batch if record_id != keep]
            # EVAL rather than EVALSHA: one of many answers cannot be asked for again
            answers = self._server.ask_many([("EVAL", scripts.REVOKE.source, 1, key, user) for key in doomed])
            revoked += sum(answer for answer in answers if answer)
        self.sessions_of(user)  # cleans the index
        return revoked

    def sweep(self, limit: int = 1000) -> int:
        return 0

    def close(self) -> None:
        self._server.close()

    def _key(self, record_id: str) -> str:
        return f"{self._prefix}{record_id}"

    def _index_key(self, user: str) -> str:
        return f"{self._prefix}user:{sha256(user.encode()).hexdigest()}"

    def _ttl(self, expires: int) -> int:
        return max(1, expires - self._clock())

    def _index(self, user: str, record_id: str, deadline: int) -> None:
        self._server.run_script(scripts.INDEX, self._index_key(user), [self._clock(), record_id, self._ttl(deadline)])

    def _members(self, user: str) -> Iterator[list[tuple[str, int]]]:
        """The user's index in batches of (record id, when it was added in ms)."""
        answer = self._server.ask("ZRANGE", self._index_key(user), 0, -1, "WITHSCORES")
        members = [(name.decode(), int(float(added))) for name, added in zip(answer[::2], answer[1::2], strict=True)]
        for start in range(0, len(members), _BATCH):
            yield members[start : start + _BATCH]
