"""Connections to one server, against one that does what it is told: hangs, trickles, hangs up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from hiredis import ReplyError

from tests.zdsession.stores.scripted import Behaviour, Scripted, pong
from zdsession.stores.redis_node import Node, RefusedError, pack
from zdsession.stores.redis_url import Access, Address

PING = pack("PING")


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], Scripted]]:
    with ExitStack() as stack:

        def start(behave: Behaviour) -> Scripted:
            server = Scripted(behave)
            stack.callback(server.close)
            return server

        yield start


Serve = Callable[[Behaviour], Scripted]


def soon(seconds: float = 10) -> float:
    return time.monotonic() + seconds


def node_at(server: Scripted, *, access: Access = Access(), most: int = 4) -> Node:  # noqa: B008 - frozen
    return Node(server.address, access, most)


def test_one_connection_is_used_again(serve: Serve) -> None:
    server = serve(pong)
    node = node_at(server)
    for _ in range(3):
        assert node.exchange(PING, 1, soon()) == [b"PONG"]
    assert server.accepted == 1
    node.close_idle()
    node.close_idle()
    assert node.exchange(PING, 1, soon()) == [b"PONG"]
    assert server.accepted == 2
    node.close_idle()


def test_answers_in_pieces(serve: Serve) -> None:
    def pieces(connection: socket.socket) -> None:
        connection.recv(100)
        for byte in b"$5\r\nhello\r\n-ERR no\r\n*2\r\n:1\r\n$-1\r\n":
            connection.sendall(bytes([byte]))
        connection.recv(100)

    node = node_at(serve(pieces))
    first, refused, last = node.exchange(PING * 3, 3, soon())
    assert (first, last) == (b"hello", [1, None])
    assert isinstance(refused, ReplyError)
    node.close_idle()


@pytest.mark.parametrize("pause", [None, 0.05])
def test_the_deadline_holds_for_the_whole_answer(serve: Serve, pause: float | None) -> None:
    """Whether the server says nothing, or something all the time."""

    def trickle(connection: socket.socket) -> None:
        connection.recv(100)
        while pause is not None:
            connection.sendall(b"+")
            time.sleep(pause)
        connection.recv(100)

    node = node_at(serve(trickle))
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        node.exchange(PING, 1, soon(0.3))
    assert 0.25 < time.monotonic() - began < 2


def test_a_server_that_takes_nothing(serve: Serve) -> None:
    ended = threading.Event()

    def look_away(connection: socket.socket) -> None:
        ended.wait(10)

    node = node_at(serve(look_away))
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        node.exchange(b"x" * 50_000_000, 1, soon(0.3))
    assert time.monotonic() - began < 3
    ended.set()


def test_a_connection_that_failed_is_not_used_again(serve: Serve) -> None:
    def late(connection: socket.socket) -> None:
        while connection.recv(100):
            time.sleep(0.3)
            connection.sendall(b"+LATE\r\n")

    server = serve(late)
    node = node_at(server)
    with pytest.raises(TimeoutError):
        node.exchange(PING, 1, soon(0.1))
    assert node.exchange(PING, 1, soon()) == [b"LATE"]
    assert server.accepted == 2, "the late answer of the first reached nobody"
    node.close_idle()


def test_a_server_that_hangs_up(serve: Serve) -> None:
    node = node_at(serve(lambda connection: None))
    with pytest.raises(ConnectionError):
        node.exchange(PING, 1, soon())
    nobody = Node(Address("127.0.0.1", 1), Access(), 1)
    with pytest.raises(ConnectionRefusedError):
        nobody.exchange(PING, 1, soon())
    for host in ("no-such-host.invalid", "no..host", "x" * 70):
        with pytest.raises(OSError, match=r"."):
            Node(Address(host, 1), Access(), 1).exchange(PING, 1, soon())


def test_a_server_that_speaks_something_else(serve: Serve) -> None:
    def http(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.recv(100)

    node = node_at(serve(http))
    with pytest.raises(ConnectionError, match="does not speak Redis"):
        node.exchange(PING, 1, soon())


def test_being_let_in_takes_one_round_trip(serve: Serve) -> None:
    seen: list[bytes] = []

    def let_in(connection: socket.socket) -> None:
        seen.append(connection.recv(1000))
        connection.sendall(b"+OK\r\n" * 3)
        pong(connection)

    node = node_at(serve(let_in), access=Access("ann", "secret", 5, "shop"))
    assert node.exchange(PING, 1, soon()) == [b"PONG"]
    assert seen == [pack("AUTH", "ann", "secret") + pack("CLIENT", "SETNAME", "shop") + pack("SELECT", 5)]
    node.close_idle()


@pytest.mark.parametrize(
    ("said", "kind"),
    [("WRONGPASS invalid", RefusedError), ("ERR max number of clients reached", ConnectionError)],
)
def test_not_being_let_in(serve: Serve, said: str, kind: type[Exception]) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(f"-{said}\r\n".encode())

    node = node_at(serve(refuse), access=Access(None, "secret"))
    with pytest.raises(kind, match=said) as caught:
        node.exchange(PING, 1, soon())
    assert type(caught.value) is kind


def test_who_needs_one_more_connection_waits_for_it(serve: Serve) -> None:
    server = serve(pong)
    node = node_at(server, most=2)
    with ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(node.exchange, PING, 1, soon()) for _ in range(2000)]
        assert all(one.result(20) == [b"PONG"] for one in asked)
    assert server.accepted <= 2
    assert len(node._connections._free) == 2
    node.close_idle()


def test_connections_lost_by_many_threads_are_all_given_back(serve: Serve) -> None:
    def moody(connection: socket.socket) -> None:
        for _ in range(3):
            connection.recv(100)
            connection.sendall(b"+PONG\r\n")

    node = node_at(serve(moody), most=3)

    def ask() -> bool:
        try:
            return node.exchange(PING, 1, soon()) == [b"PONG"]
        except ConnectionError:
            return False

    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(ask) for _ in range(400)]
        assert sum(one.result(20) for one in asked) >= 100
    assert len(node._connections._free) == 3
    node.close_idle()
