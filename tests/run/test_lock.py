"""The lock that lets one run at a time be at work."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from zdmigrate.run.errors import RefusedError
from zdmigrate.run.lock import RunLock
from zdmigrate.run.topology import Node


@pytest.fixture
def node(any_sql_url: str) -> Node:
    """A server nobody holds."""
    url = sa.make_url(any_sql_url)
    return Node("a", url, str(url.host), url.port or 3306)


def test_one_run_holds_it_and_the_next_is_told_who(node: Node) -> None:
    lock = RunLock([node])
    try:
        with pytest.raises(RefusedError, match="another run holds a: root from "):
            RunLock([node])
    finally:
        lock.release()
    RunLock([node]).release()


def test_who_comes_right_after_a_killed_run_waits_until_the_server_has_seen_that_it_is_gone(node: Node) -> None:
    lock = RunLock([node])
    timer = threading.Timer(0.1, lock.release)
    timer.start()
    try:
        RunLock([node]).release()
    finally:
        timer.join()
