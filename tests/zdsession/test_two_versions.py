"""Two versions of an app side by side, as during a deploy, and the way back."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.zdsession.helpers import Browser
from zdsession import AppType, SessionMiddleware
from zdsession.stores import Store, open_store

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

NOW = datetime(2026, 9, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Money:
    """A type that only the new version knows."""

    amount: Decimal


MONEY = AppType("money", Money, lambda m: m.amount, Money)


def app_of(version: int) -> Any:
    """Each page counts, and keeps what its version keeps. The old one writes all it can see back, as many apps do."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        session = environ["zdsession"]
        if environ["PATH_INFO"] != "/first":
            assert not session.is_new, "a session was dropped"
        session["n"] = session.get("n", 0) + 1
        session.setdefault("pages", []).append(version)
        del session["pages"][:-5]
        if version == 2:
            session["total"] = Money(session["total"].amount + 1) if "total" in session else Money(Decimal(1))
            session["seen_at"] = NOW
        else:
            for key in list(session):
                session[key] = session[key]
            assert "total" not in session, "the old version cannot read it"
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    return app


def run(store: Store, requests: int, threads: int = 8, visitors: int = 80) -> None:
    """Visitors click at random nodes: a rolling deploy, a roll back in the middle, and a deploy again."""
    apps: list[WSGIApplication] = [
        SessionMiddleware(app_of(1), store),
        SessionMiddleware(app_of(2), store, types=[MONEY]),
    ]
    browsers = [Browser(apps[0]) for _ in range(visitors)]
    served: list[Counter[int]] = [Counter() for _ in range(visitors)]
    statuses: Counter[str] = Counter()
    lock = threading.Lock()

    def clicks(thread: int) -> None:
        chance = random.Random(thread)
        mine = range(thread, visitors, threads)
        for turn in range(requests // threads):
            progress = turn * threads / requests
            new = chance.random() < (0.5 if progress < 0.4 or progress > 0.7 else 0.0)
            visitor = mine[turn % len(mine)]
            browser = browsers[visitor]
            browser.app = apps[new]
            answer = browser.get("/" if browser.cookies else "/first")
            with lock:
                statuses[answer.status] += 1
            served[visitor][int(new)] += 1

    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(clicks, thread) for thread in range(threads)]:
            future.result(600)

    assert statuses == {"200 OK": requests // threads * threads}
    newest = apps[1]
    assert isinstance(newest, SessionMiddleware)
    for browser, counts in zip(browsers, served, strict=True):
        session = newest.sessions.open("; ".join(f"{k}={v}" for k, v in browser.cookies.items()))
        assert session["n"] == counts[0] + counts[1]
        if counts[1]:
            assert session["total"] == Money(Decimal(counts[1])), "the old version lost what it does not know"
            assert session["seen_at"] == NOW
    assert sum(counts[1] for counts in served) > requests / 5


def test_ten_thousand_requests_of_two_versions() -> None:
    run(open_store("memory://"), 10_000)


@pytest.mark.parametrize("store_kind", ["redis", "mysql", "mariadb", "sqlite"], indirect=True)
def test_two_versions_on_each_store(store: Store) -> None:
    run(store, 320, visitors=16)


@pytest.mark.soak
@pytest.mark.parametrize("store_kind", ["redis", "mysql", "mariadb", "sqlite"], indirect=True)
def test_ten_thousand_requests_of_two_versions_on_each_store(store: Store) -> None:
    run(store, 10_000)
