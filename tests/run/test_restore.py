"""When a frozen primary may be written to again: never while its candidate could become writable."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.run.conftest import topology_of
from tests.servers.replication import Replication
from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import LostError
from zdmigrate.run.flavours import dialect_of
from zdmigrate.run.journal import Journal
from zdmigrate.run.lock import RunLock, SuccessorLock
from zdmigrate.run.restore import GRACE, Frozen, let_on, may_restore, restore_writes
from zdmigrate.run.state import Writable
from zdmigrate.run.topology import Topology

NOON = datetime(2026, 1, 1, 12)
seconds = st.floats(-100, 100).map(lambda value: timedelta(seconds=value))


@given(asked=seconds, promoted=seconds)
def test_never_yes_while_a_promotion_could_still_succeed(asked: timedelta, promoted: timedelta) -> None:
    """The promotion on its way succeeds when it arrives before the deadline, at any time after we asked."""
    answer = may_restore(Writable.ADMINS, NOON + asked, NOON)
    arrives_later_and_succeeds = promoted > asked and promoted < timedelta(0)
    if arrives_later_and_succeeds:
        assert answer == "not yet"
    assert (answer == "yes") == (asked > GRACE)


@given(asked=seconds, given_lease=st.booleans())
def test_a_writable_candidate_is_the_primary_whatever_the_clock(asked: timedelta, given_lease: bool) -> None:
    assert may_restore(Writable.ALL, NOON + asked, NOON if given_lease else None) == "promoted"


def test_without_a_lease_there_is_nothing_to_wait_for() -> None:
    assert may_restore(Writable.NOBODY, NOON, None) == "yes"


def _frozen(pair: Replication, topology: Topology, *, off: bool = False) -> tuple[Frozen, Connection, Journal]:
    """A run on `a` that froze it and went no further; its journal and the connection that froze."""
    old, new = topology.nodes
    journal = Journal(Connection(old), "switchover")
    journal.begin({})
    freezer = Connection(old)
    dialect = dialect_of(freezer)
    dialect.prepare_freeze(freezer, 1)
    dialect.freeze(freezer)
    assert not pair.primary.value("SELECT @@GLOBAL.read_only = 0")
    return Frozen(journal.id, old, new, None, candidate_is_off=off), freezer, journal


def test_only_the_run_that_froze_lets_writes_on(any_replication: Replication) -> None:
    """Somebody else ended it: a watchdog or a tool that wakes up late must not touch what is theirs by now."""
    pair = any_replication
    topology = topology_of(pair)
    frozen, freezer, journal = _frozen(pair, topology)
    lock = RunLock(topology.nodes)
    successor = SuccessorLock(topology.nodes[0])
    try:
        assert restore_writes(frozen, successor, 1) == "not ours", "another run has the lock"
        assert restore_writes(frozen, lock, 5) == "restored"
        assert restore_writes(frozen, lock, 5) == "writable already"
        journal.end("aborted")
        pair.primary.set_read_only(True)
        assert let_on(frozen.run, frozen.old, lock) == "not ours", "the run has ended"
        assert not pair.primary.value("SELECT @@GLOBAL.read_only = 0")
    finally:
        for item in (freezer, journal.at):
            item.close()
        successor.close()
        lock.release()


def test_a_candidate_that_is_off_is_asked_only_when_nobody_vouches(any_replication: Replication) -> None:
    pair = any_replication
    topology = topology_of(pair)
    frozen, freezer, journal = _frozen(pair, topology)
    pair.replica.server.kill()
    lock = RunLock(topology.nodes, reachable=True)
    try:
        assert lock.missing == ("b",)
        with pytest.raises(LostError, match="b did not answer"):
            restore_writes(frozen, lock, 0.5)
        assert not pair.primary.value("SELECT @@GLOBAL.read_only = 0"), "it stays frozen: b could be writable"
        vouched = Frozen(frozen.run, frozen.old, frozen.candidate, None, candidate_is_off=True)
        assert restore_writes(vouched, lock, 5) == "restored"
    finally:
        for item in (freezer, journal.at):
            item.close()
        lock.release()
