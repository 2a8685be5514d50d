"""Minutes of random faults: what a server acknowledged must be there afterwards."""

import random
import threading
import time
from contextlib import closing

import pymysql
import pytest
import sqlalchemy

from tests.conftest import MakeReplication, MakeServer
from tests.servers import Kind
from tests.servers.replication import Node, Replication

ROUNDS = 40


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_no_acknowledged_row_is_lost_over_many_kills(make_server: MakeServer, kind: Kind) -> None:
    server = make_server(kind, binlog=True)
    url = sqlalchemy.make_url(server.url())
    acknowledged: set[int] = set()
    number = 0
    for round_ in range(ROUNDS):
        connection = pymysql.connect(
            host=url.host, port=url.port or 0, user=url.username, password=str(url.password), autocommit=True
        )
        with closing(connection), connection.cursor() as cursor:
            if round_ == 0:
                cursor.execute("CREATE DATABASE ledger")
                cursor.execute("CREATE TABLE ledger.entry (id INT PRIMARY KEY, filler VARBINARY(2000))")
            cursor.execute("SELECT id FROM ledger.entry")
            assert acknowledged <= {row[0] for row in cursor.fetchall()}
            for _ in range(random.randint(1, 400)):
                number += 1
                cursor.execute("INSERT INTO ledger.entry VALUES (%s, %s)", (number, b"x" * 2000))
                acknowledged.add(number)
        server.kill()
        server.start()


def hurt(replication: Replication, fault: str) -> None:
    """Begin one fault, wait a moment, end it."""
    primary, replica = replication.nodes
    match fault:
        case "kill primary":
            primary.server.kill()
            primary.server.start()
        case "kill replica":
            replica.server.kill()
            replica.server.start()
        case "pause replica":
            replica.server.pause()
            time.sleep(random.uniform(0, 1))
            replica.server.resume()
        case "cut" | "reset":
            primary.link.cut(reset=fault == "reset")
            time.sleep(random.uniform(0, 1))
            primary.link.heal()
        case "slow":
            primary.link.slow(latency=0.05, bytes_per_second=200_000)
            time.sleep(random.uniform(0, 1))
            primary.link.slow()


FAULTS = ("kill primary", "kill replica", "pause replica", "cut", "reset", "slow")


class Writer(threading.Thread):
    """Inserts numbered rows one by one until told to stop or refused; remembers which were acknowledged."""

    def __init__(self, node: Node, first: int) -> None:
        super().__init__()
        self._node = node
        self.acknowledged: set[int] = set()
        self.next = first
        self.stopping = threading.Event()

    def run(self) -> None:
        try:
            with closing(self._node.connect("ledger")) as connection, connection.cursor() as cursor:
                while not self.stopping.is_set():
                    self.next += 1
                    cursor.execute("INSERT INTO entry VALUES (%s, %s)", (self.next - 1, b"x" * 2000))
                    self.acknowledged.add(self.next - 1)
        except pymysql.MySQLError:
            return  # its server was killed: the row it was about may be there or not


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_both_nodes_have_all_that_was_acknowledged_during_many_faults(
    make_replication: MakeReplication, kind: Kind
) -> None:
    replication = make_replication(kind)
    primary = replication.primary
    primary.execute("CREATE DATABASE ledger")
    primary.execute("CREATE TABLE ledger.entry (id INT PRIMARY KEY, filler VARBINARY(2000))")
    acknowledged: set[int] = set()
    attempted = 0
    for round_ in range(ROUNDS):
        fault = FAULTS[round_ % len(FAULTS)]
        writer = Writer(primary, attempted)
        writer.start()
        time.sleep(random.uniform(0.05, 0.5))
        hurt(replication, fault)
        writer.stopping.set()
        writer.join()
        acknowledged |= writer.acknowledged
        attempted = writer.next
        replication.wait_caught_up(120)
        found = [{row[0] for row in node.execute("SELECT id FROM ledger.entry")} for node in replication.nodes]
        assert found[0] == found[1], f"after {fault!r} in round {round_}"
        assert acknowledged <= found[0] <= set(range(attempted)), f"after {fault!r} in round {round_}"
    print(f"{kind}: {ROUNDS} faults, {len(acknowledged)} rows acknowledged, none lost on either node")
