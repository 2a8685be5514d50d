"""A Sentinel group and a cluster for the tests of the stores, each started once. Who breaks one starts its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.cluster import RedisCluster, open_cluster
from tests.servers.sentinel import SentinelGroup, open_sentinel


@pytest.fixture(scope="session")
def sentinel() -> Iterator[SentinelGroup]:
    """One primary, one replica, three Sentinels that are in no hurry to take anybody for dead."""
    with open_sentinel(replicas=1, down_after=60) as group:
        yield group


@pytest.fixture(scope="session")
def cluster() -> Iterator[RedisCluster]:
    """Three primaries with a third of the slots each."""
    with open_cluster(timeout=60) as nodes:
        yield nodes


@pytest.fixture
def sentinel_url(sentinel: SentinelGroup) -> str:
    """Store URL of an emptied Sentinel group."""
    sentinel.primary.ask("FLUSHALL")
    return sentinel.url()


@pytest.fixture
def cluster_url(cluster: RedisCluster) -> str:
    """Store URL of an emptied cluster."""
    for node in cluster.primaries:
        node.ask("FLUSHALL")
    return cluster.url()
