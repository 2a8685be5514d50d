"""What a refusal means: some pass, some stay, some name somebody else. Against a server that says what it is told."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from tests.zdsession.conformance import A
from tests.zdsession.stores.scripted import Scripted
from zdsession.errors import ConfigurationError, StoreUnavailableError
from zdsession.stores.redis import RedisStore


@contextmanager
def saying(answers: Callable[[], str]) -> Iterator[Scripted]:
    """A server that answers each request with the next line; it knows nothing but errors and the empty list."""

    def behave(connection: socket.socket) -> None:
        while connection.recv(10_000):
            connection.sendall(f"{answers()}\r\n".encode())

    with closing(Scripted(behave)) as server:
        yield server


@pytest.mark.parametrize(
    "refusal",
    [
        "LOADING Redis is loading the dataset in memory",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "CLUSTERDOWN The cluster is down",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "NOREPLICAS Not enough good replicas to write.",
        "READONLY You can't write against a read only replica.",
        "BUSY Redis is busy running a script.",
        "ERR max number of clients reached",
        "ERR Error running script (call to f_1): @user_script:3: @user_script: 3: -READONLY You can't write.",
    ],
)
def test_what_passes_is_asked_again(refusal: str) -> None:
    lines = iter([f"-{refusal}"] * 3 + ["*0"] * 9)
    with saying(lambda: next(lines)) as server:
        store = RedisStore(f"redis://{server.address}", budget=20)
        assert store.load(A) is None
        store.close()


@pytest.mark.parametrize(
    "refusal",
    [
        "OOM command not allowed when used memory > 'maxmemory'.",
        "MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.",
        "NOPERM this user has no permissions to run the 'hgetall' command",
        "NOAUTH Authentication required.",
        "ERR unknown command 'HGETALL', with args beginning with: 's3cret' ",
    ],
)
def test_what_stays_is_said_at_once(refusal: str) -> None:
    asked: list[int] = []
    with saying(lambda: asked.append(1) or f"-{refusal}") as server:  # type: ignore[func-returns-value]
        store = RedisStore(f"redis://{server.address}", budget=20)
        with pytest.raises(StoreUnavailableError, match=refusal.split(" ")[0]) as caught:
            store.load(A)
        assert len(asked) == 1
        assert "s3cret" not in str(caught.value)
        store.close()


def test_what_does_not_pass_in_time_ends_with_the_budget() -> None:
    with saying(lambda: "-LOADING Redis is loading the dataset in memory") as server:
        store = RedisStore(f"redis://{server.address}", budget=0.5)
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError, match=r"redis 127.0.0.1:\d+: LOADING"):
            store.load(A)
        assert 0.3 < time.monotonic() - began < 2
        store.close()


def test_nodes_that_send_each_other_the_same_request_end_with_the_budget() -> None:
    asked: list[int] = []

    def slots_or_moved(request: bytes) -> bytes:
        if b"SLOTS" in request:
            host, port = "127.0.0.1", server.address.port
            return f"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n{host}\r\n:{port}\r\n".encode()
        asked.append(1)
        return f"-MOVED 1 :{server.address.port}\r\n".encode()

    def behave(connection: socket.socket) -> None:
        while request := connection.recv(10_000):
            connection.sendall(slots_or_moved(request))

    with closing(Scripted(behave)) as server:
        store = RedisStore(f"redis+cluster://{server.address}", budget=0.5)
        with pytest.raises(StoreUnavailableError, match="MOVED"):
            store.load(A)
        assert len(asked) < 100, "it waits between the rounds"
        store.close()


@pytest.mark.parametrize("options", [{"budget": 0.0}, {"max_connections": 0}, {"wait_replicas": -1}])
def test_options_that_cannot_work(options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        RedisStore("redis://h", **options)  # type: ignore[arg-type]
