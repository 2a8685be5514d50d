"""Races, and two versions of an app, on a mirrored store of two nodes: each call goes to either."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.zdsession.test_parallel import (
    test_a_late_request_never_revives_a_logout as test_a_late_request_never_revives_a_logout,
)
from tests.zdsession.test_parallel import (
    test_eight_writers_keep_eighty_of_eighty as test_eight_writers_keep_eighty_of_eighty,
)
from tests.zdsession.test_parallel import (
    test_revoking_a_user_ends_sessions_that_are_in_use as test_revoking_a_user_ends_sessions_that_are_in_use,
)
from tests.zdsession.test_parallel import (
    test_when_all_regenerate_the_browser_is_sent_one_id as test_when_all_regenerate_the_browser_is_sent_one_id,
)
from tests.zdsession.test_races import (
    test_regenerate_under_a_hundred_requests_loses_none as test_regenerate_under_a_hundred_requests_loses_none,
)
from tests.zdsession.test_two_versions import run
from zdsession.stores import Store, open_store
from zdsession.stores.mirrored import MirroredStore


class Nodes:
    """Sends each call to the next node."""

    def __init__(self, nodes: list[MirroredStore]) -> None:
        self.turns = itertools.cycle(nodes)

    def __getattr__(self, name: str) -> Any:
        return getattr(next(self.turns), name)


@pytest.fixture
def store(redis_url: str, mysql_url: str) -> Iterator[Store]:
    nodes = []
    for _ in range(2):
        node = open_store(f"mirrored:{redis_url}|{mysql_url}", budget=40, background=False)
        assert isinstance(node, MirroredStore)
        nodes.append(node)
    nodes[0]._sides.sleep = lambda seconds: None  # the other one does nothing yet: nothing to wait for
    assert nodes[0].rejoin() or nodes[0].rejoin()
    together: Any = Nodes(nodes)
    yield together
    for node in nodes:
        node.close()


def test_two_versions(store: Store) -> None:
    run(store, 320, visitors=16)


@pytest.mark.soak
def test_ten_thousand_requests_of_two_versions(store: Store) -> None:
    run(store, 10_000)
