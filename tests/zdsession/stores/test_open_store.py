"""Stores by URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from zdsession.errors import ConfigurationError
from zdsession.stores import Store, open_store, safe_url
from zdsession.stores.memory import MemoryStore
from zdsession.stores.redis import RedisStore
from zdsession.stores.sql import SqlStore


def test_kinds(tmp_path: Path) -> None:
    kinds = {
        "redis://localhost:1/0": RedisStore,
        "rediss://:secret@localhost:1/0": RedisStore,
        "redis+sentinel://localhost:1,localhost:2/shop/0": RedisStore,
        "redis+cluster://localhost:1,localhost:2": RedisStore,
        "mysql+pymysql://u:p@localhost:1/db": SqlStore,
        "mariadb+pymysql://u:p@localhost:1/db": SqlStore,
        f"sqlite:///{tmp_path}/s.db": SqlStore,
        "memory://": MemoryStore,
    }
    for url, kind in kinds.items():
        store = open_store(url)
        assert type(store) is kind
        assert isinstance(store, Store)
        store.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis+sentinel://:hunter2@h/", "needs the name the Sentinels watch"),
        ("redis+tcp://:hunter2@h/", "redis\\+sentinel:// or redis"),
        ("postgresql://u:hunter2@h/db", "no store for postgresql://h/db"),
        ("mysql://u:hunter2@h/db", "mysql\\+pymysql://"),
        ("hunter2", "no store for that URL"),
        ("", "no store for that URL"),
        ("sqlite://", "memory:// does"),
        ("sqlite:///:memory:", "memory:// does"),
        ("redis://:hunter2@h:port/0", "hosts like redis.example"),
        ("mysql+pymysql://u:hunter2@h:port/db", "not a usable store URL"),
    ],
)
def test_urls_that_are_none(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        open_store(url)
    assert "hunter2" not in str(caught.value)


def test_unknown_options() -> None:
    with pytest.raises(TypeError, match="colour"):
        open_store("memory://", colour="red")
    with pytest.raises(TypeError, match="colour"):
        open_store("redis://h", colour="red")


def test_safe_url() -> None:
    assert safe_url("redis://user:hunter2@host:6379/0?password=hunter2") == "redis://host:6379/0"
    assert safe_url("hunter2") == "that URL"
    assert safe_url("redis://:hunter2@[bad/0") == "redis://…"


def test_secrets_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_SECRET", "p@ss/w:rd%")
    store = open_store("redis://ann:${STORE_SECRET}@h/3")
    assert isinstance(store, RedisStore)
    access = store._redis._place.access
    assert (access.user, access.password, access.database) == ("ann", "p@ss/w:rd%", 3)
    assert "p@ss" not in repr(store._redis._place)
    monkeypatch.delenv("STORE_SECRET")
    with pytest.raises(ConfigurationError, match="redis://h needs the environment variable STORE_SECRET"):
        open_store("redis://ann:${STORE_SECRET}@h")
    open_store(f"sqlite:///{'${NAME}'}.db").close()
