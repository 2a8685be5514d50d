"""Links: bytes arrive whole and in order whatever was cut, healed and slowed in between."""

import contextlib
import os
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import MakeLink, MakeServer
from tests.servers import ServerError
from tests.servers.link import Direction, Link
from tests.servers.processes import ProcessServer
from tests.servers.test_processes import connect, eventually, listens

SOON = 10.0
MOMENT = 0.3  # long enough for bytes that are not held back to arrive


class Far:
    """The target of a link: a listener that hands out its connections."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(SOON)
        self.port: int = self.listener.getsockname()[1]

    def accept(self) -> socket.socket:
        """The next connection."""
        connection, _ = self.listener.accept()
        connection.settimeout(SOON)
        return connection


@pytest.fixture
def far() -> Iterator[Far]:
    made = Far()
    yield made
    made.listener.close()


def dial(link: Link) -> socket.socket:
    """A client's connection through a link."""
    return socket.create_connection(("127.0.0.1", link.port), timeout=SOON)


def read(connection: socket.socket, size: int) -> bytes:
    """Exactly so many bytes."""
    data = b""
    while len(data) < size and (more := connection.recv(size - len(data))):
        data += more
    return data


def is_silent(connection: socket.socket) -> bool:
    """Whether nothing arrives, no end either, for a moment."""
    connection.settimeout(MOMENT)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(SOON)
    return False


def test_bytes_and_ends_pass_both_ways_and_are_counted(make_link: MakeLink, far: Far) -> None:
    link = make_link(far.port)
    with dial(link) as client, far.accept() as server:
        client.sendall(b"question")
        assert read(server, 8) == b"question"
        server.sendall(b"the answer")
        assert read(client, 10) == b"the answer"
        assert link.connections == 1
        traffic = link.traffic()
        assert (traffic.accepted, traffic.to_target, traffic.to_client) == (1, 8, 10)

        client.shutdown(socket.SHUT_WR)  # half closed: the answer can still come
        assert server.recv(1) == b""
        server.sendall(b"more")
        server.close()
        assert read(client, 5) == b"more"
    assert eventually(lambda: link.connections == 0)


def test_a_silent_cut_closes_nothing_and_loses_nothing(make_link: MakeLink, far: Far) -> None:
    link = make_link(far.port)
    with dial(link) as client, far.accept() as server:
        link.cut()
        link.cut()  # once more is fine
        client.sendall(b"question")
        server.sendall(b"answer")
        assert is_silent(server)
        assert is_silent(client)
        link.heal()
        assert read(server, 8) == b"question"
        assert read(client, 6) == b"answer"


@pytest.mark.parametrize("direction", ["to_target", "to_client"])
def test_one_direction_can_be_cut_alone(make_link: MakeLink, far: Far, direction: Direction) -> None:
    link = make_link(far.port)
    with dial(link) as client, far.accept() as server:
        link.cut(direction=direction)
        sides = {"to_target": (client, server), "to_client": (server, client)}
        held_sender, held_receiver = sides.pop(direction)
        ((free_sender, free_receiver),) = sides.values()
        held_sender.sendall(b"held")
        free_sender.sendall(b"free")
        assert read(free_receiver, 4) == b"free"
        assert is_silent(held_receiver)
        link.heal()
        assert read(held_receiver, 4) == b"held"


def test_what_happens_at_one_end_during_a_cut_is_news_at_the_other_only_after_it(make_link: MakeLink, far: Far) -> None:
    link = make_link(far.port)
    with dial(link) as client, far.accept() as server:
        link.cut(direction="to_client")
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        server.close()  # a reset, which the relay meets when it passes the client's bytes on
        client.sendall(b"to nobody")
        time.sleep(MOMENT)
        client.sendall(b"to nobody")
        assert is_silent(client)
        link.heal()
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_a_connection_opened_during_a_cut_works_after_it(make_link: MakeLink, far: Far) -> None:
    link = make_link(far.port)
    link.cut()
    with dial(link) as client:
        client.sendall(b"early")
        assert is_silent(client)
        assert link.connections == 0
        link.heal()
        with far.accept() as server:
            assert read(server, 5) == b"early"


def test_a_reset_ends_connections_and_refuses_new_ones_until_healed(make_link: MakeLink, far: Far) -> None:
    link = make_link(far.port)
    with dial(link) as client, far.accept() as server:
        link.cut(reset=True)
        for side in (client, server):
            with pytest.raises(ConnectionResetError):
                side.recv(1)
    with pytest.raises(ConnectionRefusedError):
        dial(link)
    assert link.connections == 0
    link.cut()  # still refused
    with pytest.raises(ConnectionRefusedError):
        dial(link)
    link.heal()
    with dial(link) as client, far.accept() as server:
        client.sendall(b"again")
        assert read(server, 5) == b"again"


def test_a_reset_also_ends_those_that_waited_in_a_silent_cut(make_link: MakeLink, far: Far) -> None:
    link = make_link(far.port)
    with dial(link) as old, far.accept():
        link.cut()
        with dial(link) as waiting:
            link.cut(reset=True)
            for client in (old, waiting):
                with pytest.raises(ConnectionResetError):
                    client.recv(1)


def test_a_slow_link_delays_each_way(make_link: MakeLink, far: Far) -> None:
    link = make_link(far.port)
    with dial(link) as client, far.accept() as server:
        link.slow(latency=0.1)
        begun = time.monotonic()
        client.sendall(b"ping")
        assert read(server, 4) == b"ping"
        server.sendall(b"pong")
        assert read(client, 4) == b"pong"
        assert time.monotonic() - begun >= 0.2

        link.slow(latency=60.0, direction="to_client")
        server.sendall(b"held")
        assert is_silent(client)
        link.slow()  # also for what is on its way
        assert read(client, 4) == b"held"


def test_bandwidth_is_shared_by_the_connections(make_link: MakeLink, far: Far) -> None:
    link = make_link(far.port)
    with dial(link) as one, far.accept() as far_one, dial(link) as two, far.accept() as far_two:
        link.slow(bytes_per_second=200_000)
        begun = time.monotonic()
        for client in (one, two):
            client.sendall(bytes(50_000))
        for server in (far_one, far_two):
            assert len(read(server, 50_000)) == 50_000
        assert time.monotonic() - begun >= 0.4  # 0.5 s but for the first chunk


def test_more_than_any_buffer_holds_passes_and_waits_at_its_sender(make_link: MakeLink, far: Far) -> None:
    link = make_link(far.port)
    sent = os.urandom(1 << 20) * 24
    with dial(link) as client, far.accept() as server:
        sender = threading.Thread(target=client.sendall, args=(sent,))
        sender.start()
        time.sleep(MOMENT)
        assert link.traffic().to_target < len(sent), "the relay must not take in what nobody reads"
        assert read(server, len(sent)) == sent
        sender.join()


def test_a_target_that_refuses_shows_as_a_reset_and_one_that_comes_back_is_used(make_link: MakeLink) -> None:
    far = Far()
    link = make_link(far.port)
    far.listener.close()
    with pytest.raises(ConnectionResetError), dial(link) as client:  # on a busy machine before connect() returns
        client.recv(1)
    back = socket.create_server(("127.0.0.1", far.port))
    back.settimeout(SOON)
    with back, dial(link), back.accept()[0]:
        assert link.connections == 1


OPERATION = st.one_of(
    st.tuples(st.just("client"), st.binary(min_size=1, max_size=5000)),
    st.tuples(st.just("server"), st.binary(min_size=1, max_size=5000)),
    st.tuples(st.just("cut"), st.sampled_from(["both", "to_target", "to_client"])),
    st.tuples(st.just("heal"), st.none()),
    st.tuples(st.just("slow"), st.tuples(st.sampled_from([0.0, 0.001, 0.02]), st.sampled_from([None, 1e5, 1e7]))),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(OPERATION, max_size=30))
def test_no_order_of_faults_loses_reorders_or_doubles_a_byte(far: Far, operations: list[tuple[str, Any]]) -> None:
    sent = {"client": b"", "server": b""}
    with contextlib.closing(Link(far.port)) as link, dial(link) as client, far.accept() as server:
        for name, argument in operations:
            match argument:
                case bytes():
                    (client if name == "client" else server).sendall(argument)
                    sent[name] += argument
                case str():
                    link.cut(direction=cast("Direction", argument))
                case (latency, rate):
                    link.slow(latency=latency, bytes_per_second=rate)
                case _:
                    link.heal()
        link.heal()
        client.shutdown(socket.SHUT_WR)
        server.shutdown(socket.SHUT_WR)
        assert read(server, len(sent["client"]) + 1) == sent["client"]
        assert read(client, len(sent["server"]) + 1) == sent["server"]


def test_senseless_faults_are_refused(make_link: MakeLink, far: Far) -> None:
    link = make_link(far.port)
    with pytest.raises(ValueError, match="both directions"):
        link.cut(reset=True, direction="to_client")
    with pytest.raises(ValueError, match="bytes_per_second=0"):
        link.slow(bytes_per_second=0)
    with pytest.raises(ValueError, match="latency=-1"):
        link.slow(latency=-1)


def test_a_closed_link_says_so(make_link: MakeLink, far: Far) -> None:
    link = make_link(far.port)
    link.close()
    link.close()
    assert not listens(link.port)
    with pytest.raises(ServerError, match=rf"link on port {link.port} to 127.0.0.1:{far.port}.* it was closed"):
        link.cut()


def test_a_url_keeps_all_but_its_address(make_link: MakeLink, far: Far) -> None:
    link = make_link(far.port)
    given_ = "mysql+pymysql://root:s%40:cret@127.0.0.1:3306/shop?charset=utf8mb4"
    assert link.url(given_) == f"mysql+pymysql://root:s%40:cret@127.0.0.1:{link.port}/shop?charset=utf8mb4"
    assert link.url("redis://127.0.0.1:6379/0") == f"redis://127.0.0.1:{link.port}/0"


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_what_a_link_adds_to_a_query(make_server: MakeServer, make_link: MakeLink, kind: str) -> None:
    """Prints the figures; fails only when something is badly wrong."""
    server = make_server(kind)
    assert isinstance(server, ProcessServer)
    link = make_link(server.port)
    took: dict[str, list[float]] = {"direct": [], "link": []}
    with (
        contextlib.closing(connect(server)) as direct,
        contextlib.closing(connect(server, port=link.port)) as through,
    ):
        for _ in range(10):
            for name, connection in (("direct", direct), ("link", through)):
                for _ in range(1000):
                    with connection.cursor() as cursor:
                        begun = time.perf_counter()
                        cursor.execute("SELECT 1")
                        took[name].append(time.perf_counter() - begun)
    for name, times in took.items():
        times.sort()
        rate = len(times) / sum(times)
        middle, slow = statistics.median(times) * 1000, times[-100] * 1000
        print(f"{kind} {name}: median {middle:.3f} ms, p99 {slow:.3f} ms, {rate:.0f} queries/s")
    assert statistics.median(took["link"]) - statistics.median(took["direct"]) < 0.001
