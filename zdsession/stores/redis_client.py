"""Redis as a store needs it: an answer within a time limit, whoever serves the key by then.

What fails because a server is gone, was demoted, is loading, or no longer owns the key is asked again, of whoever
serves it now, until the limit. That may send a request twice, which does no harm by the contract of
:class:`~zdsession.stores.base.Store`. One try may take half of the budget, so that a server that hangs leaves time
for its successor. Looking up a host's name has no time limit of its own.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hiredis import ReplyError

from zdsession.chance import CHANCE
from zdsession.errors import ConfigurationError, StoreUnavailableError
from zdsession.stores.redis_cluster import Cluster
from zdsession.stores.redis_node import Node, RefusedError, pack
from zdsession.stores.redis_scripts import Script
from zdsession.stores.redis_sentinel import Watched
from zdsession.stores.redis_topology import NotFoundError, OneServer, Topology
from zdsession.stores.redis_url import Place, parse

log = logging.getLogger("zdsession.store")

#: Refusals that pass: by a failover, a restart, the end of a slot's move or of a rush. Nothing was written.
_PASSING = frozenset(
    {"READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "BUSY", "MAXCLIENTS"}
)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.1
_REDIRECTS = 5
_TICK = 0.1  # seconds: how late Redis may notice that a WAIT is over
_ASKING = pack("ASKING")
_TOPOLOGIES: dict[str, Callable[[Place, int], Topology]] = {"": OneServer, "sentinel": Watched, "cluster": Cluster}


class NotOursError(StoreUnavailableError):
    """The key holds something of another type."""


class TooFewReplicasError(ConnectionError):
    """A write reached the primary, and fewer replicas in time than it has to."""


@dataclass(frozen=True)
class RunningServer:
    """A server with data. ``life`` is another text after a restart or a promotion, which may forget something."""

    node: Node
    life: str


class RedisClient:
    """Sends commands and scripts, each about one key. Safe to share between threads; a forked child opens
    connections of its own.

    Args:
        url: see :mod:`zdsession.stores.redis_url`.
        budget: seconds for one operation, all tries together.
        max_connections: to each server, for each process.
        wait_replicas: a write is an error unless so many replicas have it in time.

    Raises:
        ConfigurationError: the URL, or a number that makes no sense.
    """

    def __init__(self, url: str, *, budget: float, max_connections: int, wait_replicas: int = 0) -> None:
        if budget <= 0 or max_connections < 1 or wait_replicas < 0:
            raise ConfigurationError("budget and max_connections are more than 0, wait_replicas is not less")
        self._place = parse(url)
        self._budget = budget
        self._one_try = budget / 2
        self._max_connections = max_connections
        self._wait_replicas = wait_replicas
        self._topologies: dict[int, Topology] = {}

    def time_limit(self) -> float:
        """When an operation that begins now has to end, as :func:`time.monotonic` tells it."""
        return time.monotonic() + self._budget

    def ask(self, key: str, *command: Any, until: float) -> Any:
        """The answer to one command that reads, as RESP2 has it.

        Raises:
            NotOursError: the key holds something of another type.
            StoreUnavailableError: any other error.
        """
        return self._send(key, pack(*command), until)

    def write(self, key: str, *command: Any, until: float) -> Any:
        """The answer to one command that writes. Raises what :meth:`ask` does."""
        return self._send(key, pack(*command), until, copies=self._wait_replicas)

    def run(self, script: Script, key: str, arguments: list[Any], *, until: float, keep: bool = True) -> Any:
        """What a script returns. Raises what :meth:`ask` does.

        Args:
            keep: wait for the replicas, if any are to be waited for.
        """
        copies = self._wait_replicas if keep else 0
        request = pack("EVALSHA", script.sha, 1, key, *arguments)

        def whole() -> bytes:  # for a server that does not know the script; it then will
            return pack("EVAL", script.source, 1, key, *arguments)

        return self._send(key, request, until, copies=copies, whole=whole)

    def ask_many(self, commands: list[tuple[str, tuple[Any, ...]]], *, until: float, write: bool = False) -> list[Any]:
        """The answers to commands by key, sent together to each server; None for a key that is not ours.

        Raises:
            StoreUnavailableError: not all could be answered; some may have been carried out.
        """
        topology = self._topology()
        requests = [pack(*command) for _, command in commands]
        by_node: dict[Node | None, list[int]] = {}
        for at, (key, _) in enumerate(commands):
            by_node.setdefault(topology.node_of(key), []).append(at)
        answers: list[Any] = [None] * len(commands)
        unanswered = by_node.pop(None, [])
        copies = self._wait_replicas if write else 0
        for node, places in by_node.items():
            assert node is not None
            limit = min(until, time.monotonic() + self._one_try)
            try:
                read = _exchange(node, b"".join([requests[at] for at in places]), len(places), copies, limit)
            except OSError as error:
                log.info("redis %s: %s", node.address, _shown(error))
                unanswered += places
                continue
            for at, answer in zip(places, read, strict=True):
                if not isinstance(answer, ReplyError):
                    answers[at] = answer
                elif _code(answer) != "WRONGTYPE":
                    unanswered.append(at)
        for at in unanswered:
            try:
                answers[at] = self._send(commands[at][0], requests[at], until, copies=copies)
            except NotOursError:
                continue
        return answers

    def servers(self, until: float) -> list[RunningServer]:
        """Every server with data, as of now, by address.

        Raises:
            StoreUnavailableError: one of them does not answer.
        """
        topology = self._topology()
        try:
            topology.look_again(time.monotonic(), until, None)
        except OSError as error:
            raise _unavailable(None, error) from error
        found = []
        for node in sorted(topology.nodes(), key=lambda node: str(node.address)):
            facts = self.ask_server(node, "INFO", until=until).decode().splitlines()
            life = [fact for fact in facts if fact.startswith(("run_id:", "master_replid:"))]
            found.append(RunningServer(node, f"{node.address} {' '.join(life)}"))
        if not found:
            raise _unavailable(None, "no node of the cluster serves anything")
        return found

    def ask_server(self, node: Node, *command: Any, until: float) -> Any:
        """The answer of one server to one command, from nobody else.

        Raises:
            StoreUnavailableError: it has none.
        """
        request = pack(*command)
        try:
            try:
                (answer,) = node.exchange(request, 1, until)
            except ConnectionError:
                node.close_idle()  # they may have died unnoticed
                (answer,) = node.exchange(request, 1, until)
        except OSError as error:
            raise _unavailable(node, error) from error
        if isinstance(answer, ReplyError):
            raise _unavailable(node, answer) from answer
        return answer

    def close(self) -> None:
        """Close idle connections of this process."""
        self._topology().close()

    def _topology(self) -> Topology:
        pid = os.getpid()
        known = self._topologies.get(pid)
        if known is None:
            made = _TOPOLOGIES[self._place.kind](self._place, self._max_connections)
            known = self._topologies.setdefault(pid, made)
        return known

    def _send(
        self, key: str, request: bytes, until: float, *, copies: int = 0, whole: Callable[[], bytes] | None = None
    ) -> Any:
        """The answer to one request, tried until it is had or the time is up.

        Args:
            whole: makes the request for a server that does not know its script.
        """
        topology = self._topology()
        redirect: Node | None = None
        asking, redirects, pauses = False, 0, _pauses()
        problem: Exception
        cause: Exception | None = None
        while True:
            began = time.monotonic()
            limit = min(until, began + self._one_try)
            node = redirect or topology.node_of(key)
            try:
                if node is None:
                    node = _find(topology, key, began, limit)
                (answer,) = _exchange(node, request, 1, copies, limit, asking=asking)
            except RefusedError as error:
                raise _unavailable(node, error) from error
            except OSError as error:
                problem = error
            else:
                if not isinstance(answer, ReplyError):
                    return answer
                problem, code = answer, _code(answer)
                if code == "NOSCRIPT" and whole is not None:
                    request, whole = whole(), None
                    continue
                if code in ("MOVED", "ASK"):
                    redirect, asking = topology.redirected(str(answer), node), code == "ASK"
                    if redirect is None:
                        raise _unavailable(node, "a node of a cluster: say redis+cluster:// in the store's URL")
                    redirects += 1
                    if redirects <= _REDIRECTS:
                        continue
                elif code == "WRONGTYPE":
                    raise NotOursError(f"redis {node.address}: the key holds something else") from answer
                elif code not in _PASSING:
                    raise _unavailable(node, answer) from answer
            redirect, asking = None, False
            if cause is None or not isinstance(problem, TimeoutError):  # else what came before says more
                cause = problem
            pause = next(pauses)
            if time.monotonic() + pause >= until:
                raise _unavailable(node, cause) from cause
            log.info("redis %s: %s; trying again", node.address if node else "", _shown(problem))
            time.sleep(pause)
            _recover(topology, node, problem, began, min(until, time.monotonic() + self._one_try))


def _exchange(
    node: Node, request: bytes, answers: int, copies: int, until: float, *, asking: bool = False
) -> list[Any]:
    """The answers, once so many replicas have what was written before them.

    Args:
        asking: the node is to serve the one key of ``request`` although its slot is still on its way there.
    """
    if asking:
        request, answers = _ASKING + request, answers + 1
    if not copies:
        return node.exchange(request, answers, until)[int(asking) :]
    left = until - time.monotonic()
    patience = max(left - 2 * _TICK, left / 2)  # so that the count still arrives
    wait = pack("WAIT", copies, max(1, int(patience * 1000)))
    *read, reached = node.exchange(request + wait, answers + 1, until)[int(asking) :]
    if all(isinstance(answer, ReplyError) for answer in read):  # nothing was written
        return read
    if isinstance(reached, ReplyError):  # it was demoted while it waited
        raise TooFewReplicasError(str(reached))
    if reached < copies:
        raise TooFewReplicasError(f"{reached} of {copies} replicas have the write")
    return read


def _find(topology: Topology, key: str, began: float, until: float) -> Node:
    """Who serves a key that nobody was known for."""
    topology.look_again(began, until, None)
    node = topology.node_of(key)
    if node is None:
        raise NotFoundError("no node of the cluster serves this key")
    return node


def _recover(topology: Topology, node: Node | None, problem: Exception, since: float, until: float) -> None:
    """Forget what the failed server told us, as far as others can tell us more."""
    lost = isinstance(problem, OSError) and not isinstance(problem, TooFewReplicasError)
    if node is not None and (lost or _code(problem) == "READONLY"):
        node.close_idle()  # these lead to the same dead or demoted server
    try:
        topology.look_again(since, until, node)
    except OSError as error:  # perhaps only those are out who would have to say
        log.info("redis: %s", error)


def _pauses() -> Iterator[float]:
    """Seconds before each further try: none before the second, as an idle connection dies unnoticed."""
    yield 0.0
    pause = _FIRST_PAUSE
    while True:
        yield pause * CHANCE.uniform(0.5, 1.0)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _code(error: Exception) -> str:
    """The word that names an error: of a script's, before Redis 7, inside the message; one has none, and gets it."""
    text = str(error)
    if text.startswith("ERR max number of clients"):
        return "MAXCLIENTS"
    inside = re.search(r" -([A-Z]+) ", text) if text.startswith("ERR Error running script") else None
    return inside[1] if inside else text.partition(" ")[0]


def _shown(error: Exception | str) -> str:
    """An error without what a server may quote of our request."""
    name = f"{type(error).__name__}: " if isinstance(error, OSError) else ""
    return name + str(error).partition(", with args")[0]


def _unavailable(node: Node | None, error: Exception | str) -> StoreUnavailableError:
    where = "" if node is None else f" {node.address}"
    return StoreUnavailableError(f"redis{where}: {_shown(error)}")
