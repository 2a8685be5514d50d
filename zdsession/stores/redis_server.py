"""One Redis address as a store needs it: a budget in seconds, and one more try on a fresh connection.

redis-py opens, encrypts, authenticates and parses; which connection is used when is decided here. Its client spends
as long on that and on its metrics as the server takes to answer, which a page would wait for on every read.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from zdsession.errors import StoreUnavailableError
from zdsession.stores.redis_scripts import Script

T = TypeVar("T")
log = logging.getLogger("zdsession.store")

#: The connection is dead, or leads to a server that no longer takes writes.
_LOST = (RedisConnectionError, RedisTimeoutError, ReadOnlyError, OSError)


class NotOursError(StoreUnavailableError):
    """The key holds something that is no hash."""


class _Pool:
    """Idle connections of one process, the last one used on top."""

    def __init__(self, most: int) -> None:
        self.idle: deque[Any] = deque()
        self.free = threading.BoundedSemaphore(most)

    def empty(self) -> None:
        while self.idle:
            try:
                self.idle.pop().disconnect()
            except IndexError:  # another thread was faster
                return


class RedisServer:
    """Sends commands and scripts. Safe to share between threads; a forked child opens connections of its own.

    Args:
        url: ``redis://`` or ``rediss://``, with redis-py's options in the query.
        budget: seconds for one operation, both tries together.
        max_connections: for each process.
    """

    def __init__(self, url: str, *, budget: float, max_connections: int) -> None:
        self._budget = budget
        self._max_connections = max_connections
        # An attempt waits for a free connection, the connect, the handshake and the answer: four parts of six.
        # A second one is made while no more than two have passed, so both fit into the budget.
        self._part = part = budget / 6
        template = redis.ConnectionPool.from_url(
            url,
            socket_connect_timeout=part,
            socket_timeout=part,
            retry=Retry(NoBackoff(), 0),
        )
        template.connection_kwargs |= {"protocol": 2, "decode_responses": False}  # not for the URL to say
        kind: Any = template.connection_class
        self._new_connection: Callable[[], Any] = lambda: kind(**template.connection_kwargs)
        self._pools: dict[int, _Pool] = {}

    def ask(self, *command: Any) -> Any:
        """The answer to one command, as RESP2 has it.

        Raises:
            NotOursError: the key is no hash.
            StoreUnavailableError: any other error.
        """
        return self._within_budget(lambda connection: _exchange(connection, command))

    def ask_many(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """The answers to commands sent together; None for each whose key is not ours."""

        def run(connection: Any) -> list[Any]:
            connection.send_packed_command(connection.pack_commands(commands))
            answers = [_read(connection) for _ in commands]
            for at, answer in enumerate(answers):
                if isinstance(answer, ResponseError):
                    if not _is_wrong_type(answer):
                        raise answer
                    answers[at] = None
            return answers

        return self._within_budget(run) if commands else []

    def run_script(self, script: Script, key: str, arguments: list[Any]) -> Any:
        """What a script returns."""

        def run(connection: Any) -> Any:
            try:
                return _exchange(connection, ("EVALSHA", script.sha, 1, key, *arguments))
            except NoScriptError:  # a new or restarted server; EVAL also caches the script
                return _exchange(connection, ("EVAL", script.source, 1, key, *arguments))

        return self._within_budget(run)

    def close(self) -> None:
        """Close idle connections of this process."""
        self._pool().empty()

    def _pool(self) -> _Pool:
        pid = os.getpid()
        return self._pools.get(pid) or self._pools.setdefault(pid, _Pool(self._max_connections))

    def _within_budget(self, work: Callable[[Any], T]) -> T:
        began = time.monotonic()
        pool = self._pool()
        try:
            try:
                return self._on_a_connection(pool, work)
            except _LOST as error:
                pool.empty()  # the others lead to the same dead or demoted server
                if time.monotonic() - began > 2 * self._part:
                    raise
                log.info("redis: %s, trying once more on a fresh connection", type(error).__name__)
                return self._on_a_connection(pool, work)
        except (RedisError, OSError) as error:
            if _is_wrong_type(error):
                raise NotOursError("redis: the key holds something else") from error
            raise StoreUnavailableError(f"redis: {type(error).__name__}: {error}") from error

    def _on_a_connection(self, pool: _Pool, work: Callable[[Any], T]) -> T:
        if not pool.free.acquire(timeout=self._part):
            raise StoreUnavailableError(f"redis: all {self._max_connections} connections of this process are in use")
        try:
            try:
                connection = pool.idle.pop()
            except IndexError:
                connection = self._new_connection()
                connection.connect()
            try:
                answer = work(connection)
            except BaseException as error:
                # Only an error the server sent leaves nothing of this exchange on the wire.
                if isinstance(error, ResponseError) and not isinstance(error, ReadOnlyError):
                    pool.idle.append(connection)
                else:
                    connection.disconnect()
                raise
            pool.idle.append(connection)
            return answer
        finally:
            pool.free.release()


def _exchange(connection: Any, command: tuple[Any, ...]) -> Any:
    connection.send_command(*command)
    return connection.read_response()


def _read(connection: Any) -> Any:
    """One of several answers; an error the server sent is an answer, as the others have to be read after it."""
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _is_wrong_type(error: Exception) -> bool:
    return isinstance(error, ResponseError) and str(error).startswith("WRONGTYPE")
