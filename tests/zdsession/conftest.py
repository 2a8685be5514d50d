"""Stores to test sessions on: every kind there is, the servers real."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.zdsession.helpers import Clock
from zdsession.stores import Store, open_store

STORES = ["memory", "sqlite", "redis", "mysql", "mariadb"]


@pytest.fixture
def clock() -> Clock:
    """A clock the test turns; it also waits that long in real time, where a server counts for itself."""
    return Clock()


@pytest.fixture(params=STORES)
def store_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of store in turn."""
    return str(request.param)


@pytest.fixture
def store_url(store_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty store of that kind."""
    if store_kind == "memory":
        return "memory://"
    if store_kind == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db"
    return str(request.getfixturevalue(f"{store_kind}_url"))


@pytest.fixture
def store(store_kind: str, store_url: str) -> Iterator[Store]:
    """An empty store of that kind, on the real clock, with a budget that a busy test machine keeps."""
    store = open_store(store_url, **({} if store_kind == "memory" else {"budget": 20.0}))
    yield store
    store.close()


@pytest.fixture
def turning_store(store_kind: str, store_url: str) -> Iterator[tuple[Store, Clock]]:
    """An empty store of that kind, and the clock it goes by."""
    clock = Clock(wait=time.sleep if store_kind == "redis" else lambda seconds: None)
    store = open_store(store_url, clock=clock, **({} if store_kind == "memory" else {"budget": 20.0}))
    yield store, clock
    store.close()
