"""Room on disks: what servers tell, and when it is too little."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from tests.run.conftest import topology_of
from tests.servers.replication import Replication
from zdmigrate.run.connection import Connection
from zdmigrate.run.disk import NEEDS, free_bytes, note, too_little

MIB = 1024 * 1024


class Told:
    """A server whose disks are as information_schema.DISKS would show them."""

    def __init__(self, datadir: str, *disks: tuple[str, int]) -> None:
        self._datadir, self._disks = datadir, disks

    def value(self, sql: str, args: Sequence[Any] = ()) -> Any:
        return self._datadir

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[Mapping[str, Any]]:
        return [{"path": path, "available": kib} for path, kib in self._disks]


def free(datadir: str, *disks: tuple[str, int]) -> int | None:
    return free_bytes(cast(Connection, Told(datadir, *disks)))


def test_the_disk_that_the_data_lies_on_counts() -> None:
    assert free("/var/lib/mysql/", ("/", 10), ("/var/lib/mysql", 5), ("/var/lib/mysqlother", 1)) == 5 * 1024
    assert free("/var/lib/mysql/", ("/", 10), ("/home", 5)) == 10 * 1024
    assert free("/var/lib/mysql/", ("/home", 5)) is None


def test_a_server_without_the_table_does_not_tell(any_replication: Replication) -> None:
    with Connection(topology_of(any_replication).nodes[0]) as connection:
        assert free_bytes(connection) is None


def test_too_little_is_one_sentence_with_the_next_step() -> None:
    assert too_little({"a": 100 * MIB, "b": 500 * MIB, "c": None}, 100 * MIB) == (
        "the disk of a is nearly full: 100 MiB are left, and the copy of the table needs about 130 MiB; make room, or "
        "say --accept disk-space when you know better",
    )
    assert note({"a": 1, "b": None}, 100 * MIB) == (
        "each node needs about 130 MiB free on its disk while it is altered; how much there is cannot be asked of b: "
        "look"
    )
    assert "cannot be asked" not in note({"a": 1}, MIB)


@given(st.integers(0, 10**13), st.integers(0, 10**12))
def test_refused_exactly_when_it_does_not_fit(left: int, needed: int) -> None:
    assert bool(too_little({"a": left}, needed)) == (left < needed * NEEDS)
