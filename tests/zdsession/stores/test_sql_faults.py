"""MySQL and MariaDB killed with -9, or switched over, under load: nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from tests.servers import Server
from tests.servers.replication import Replication
from tests.zdsession.stores.clickers import Clickers
from tests.zdsession.stores.ledger import progress, visitors
from zdsession.stores.sql import SqlStore

BUDGET = 2.0
#: What a busy machine may add.
SLACK = 3.0


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.soak)])
@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_killed_and_restarted_under_load(kind: str, kills: int, make_server: Any) -> None:
    server: Server = make_server(kind)
    engine = sa.create_engine(server.url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE shop"))
    engine.dispose()
    SqlStore(server.url("shop"), budget=20, janitor=False).create_schema()
    store = SqlStore(server.url("shop"), budget=BUDGET, janitor=False)
    pages = SqlStore(server.url("shop"), budget=BUDGET, janitor=False)
    with visitors(store, 4) as everyone, Clickers(pages, 2) as clickers:
        for _ in range(kills):
            progress(everyone)
            clickers.wait_for(20)
            server.kill()
            server.start()
            progress(everyone)
            clickers.wait_for(20)
    for one in everyone:
        one.check(store)
    assert max(one.slowest for one in everyone) < BUDGET + SLACK
    clickers.check(BUDGET)
    assert clickers.lost() == (0, 0)
    for done in (store, pages):
        done.close()


class Address:
    """One address whose server changes: what a proxy in front of a pair does. Old connections end with the change."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def switch(self, port: int) -> None:
        self._target = port
        self._end()

    def close(self) -> None:
        self._listener.close()
        self._end()

    def _end(self) -> None:
        while self._open:
            with contextlib.suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._target), 5)
                except OSError:
                    client.close()
                    continue
                self._open += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError), source:
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


def test_a_switchover_is_a_pause(any_replication: Replication) -> None:
    """The primary is frozen, the replica promoted, the address moved, under load: no request fails, nothing is lost."""
    pair = any_replication
    old, new = pair.primary, pair.replica
    for statement in (
        "CREATE DATABASE sessions",
        "CREATE USER shop@'%' IDENTIFIED BY 'shop'",
        "GRANT ALL ON sessions.* TO shop@'%'",
    ):
        old.execute(statement)
    place = sa.make_url(old.url("sessions")).set(username="shop", password="shop")
    there = sa.make_url(new.url("sessions")).set(username="shop", password="shop")
    SqlStore(place, budget=20, janitor=False).create_schema()
    address = Address(place.port or 0)
    store = SqlStore(place.set(port=address.port), budget=15, janitor=False)
    pages = SqlStore(place.set(port=address.port), budget=BUDGET, janitor=False)
    with visitors(store, 3) as everyone, Clickers(pages, 2) as clickers:
        progress(everyone)
        clickers.wait_for(20)
        old.set_read_only(True)
        pair.wait_caught_up()
        new.stop_replication()
        new.set_read_only(False)
        address.switch(there.port or 0)
        progress(everyone)
        clickers.wait_for(20)
    clickers.check(BUDGET)
    assert clickers.lost() == (0, 0)
    promoted = SqlStore(there, budget=20, janitor=False)
    for one in everyone:
        one.check(promoted)
        assert one.refused == 0
    for done in (store, pages, promoted):
        done.close()
    address.close()
