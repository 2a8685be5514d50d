"""Who is primary, from what the servers say."""

from tests.run.server_values import replica, server
from zdmigrate.run.roles import find_roles
from zdmigrate.run.state import Server


def why_not(*servers: Server) -> str:
    found, reasons = find_roles(servers)
    assert found is None
    (reason,) = reasons
    return reason


def test_one_primary_and_its_replicas_in_any_order() -> None:
    found, reasons = find_roles([replica("c"), server("a"), replica("b")])
    assert not reasons
    assert found is not None
    assert found.primary.name == "a"
    assert [item.name for item in found.replicas] == ["c", "b"]
    assert found.replica("a") is None


def test_two_that_follow_nobody() -> None:
    assert why_not(server("a"), server("b")) == (
        "a and b follow nobody: one of them has to be made a replica of the other first"
    )


def test_a_circle() -> None:
    assert why_not(replica("a", "b"), replica("b", "a")) == (
        "every node follows another one: the primary is not in the topology, or they follow in a circle"
    )


def test_a_replica_of_a_replica() -> None:
    assert why_not(server("a"), replica("b"), replica("c", "b")) == (
        "c follows b, which is itself a replica: replicas of replicas are not supported; point c at a first"
    )


def test_several_sources() -> None:
    assert why_not(server("a"), replica("b", sources=2)) == (
        "b follows 2 sources; a switchover moves one primary, so give it one"
    )


def test_a_stranger_as_source() -> None:
    assert why_not(server("a"), replica("b", "z")) == (
        "b follows db-z:3306, which is none of the nodes; add it to the topology, or correct the file"
    )


def test_a_source_that_never_answered() -> None:
    assert why_not(server("a"), replica("b", status={"source_id": "", "errors": ("refused",)})) == (
        "b never connected to its source db-a:3306 (refused)"
    )


def test_one_server_under_two_names() -> None:
    assert why_not(server("a"), server("b", identity="uuid-a", own_id="uuid-a")) == (
        "a and b lead to one and the same server; correct the url of one of them"
    )
