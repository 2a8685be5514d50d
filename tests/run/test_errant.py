"""A transaction that a replica has and its primary does not count yet is in flight, not errant."""

import threading
from typing import Any, cast

from tests.run.conftest import topology_of
from tests.servers.replication import Replication
from zdmigrate.run.connection import Connection
from zdmigrate.run.flavours import dialect_of


class Ahead:
    """A replica that has applied everything of its primary, and one transaction more."""

    def __init__(self, uuid: str, last: int) -> None:
        self._position = f"{uuid}:1-{last + 1}"

    def value(self, query: str, parameters: tuple[Any, ...] = ()) -> str:
        return self._position


def test_what_is_in_flight_is_waited_for_and_what_never_comes_is_told(mysql_replication: Replication) -> None:
    pair = mysql_replication
    pair.primary.execute("CREATE DATABASE shop")
    with Connection(topology_of(pair).nodes[0]) as primary:
        dialect = dialect_of(primary)
        uuid, _, numbers = dialect.position(primary).partition(":")
        last = int(numbers.rpartition("-")[2])
        ahead = cast("Connection", Ahead(uuid, last))
        late = threading.Timer(0.3, pair.primary.execute, ["CREATE DATABASE late"])
        late.start()
        assert dialect.errant(ahead, primary) == ""
        late.join()
        assert dialect.errant(cast("Connection", Ahead(uuid, last + 1)), primary) == f"{uuid}:{last + 2}"
