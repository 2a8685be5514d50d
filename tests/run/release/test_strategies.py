"""Groups and surge, on real nodes behind a real HAProxy."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.run.release.balancing import haproxy_in_front_of
from tests.run.release.shop import database, open_shop, until
from tests.servers.haproxy import HAProxy
from tests.visitors import Visitors


def up(proxy: HAProxy) -> set[str]:
    return {name.partition("/")[2] for name, status in proxy.states().items() if status.startswith("UP")}


class Watch:
    """How few nodes were in rotation at once, as the balancer told."""

    def __init__(self, proxy: HAProxy) -> None:
        self._proxy = proxy
        self._ended = threading.Event()
        self.least = 1_000
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._ended.is_set():
            self.least = min(self.least, len(up(self._proxy)))
            time.sleep(0.05)


@contextmanager
def watched(proxy: HAProxy) -> Iterator[Watch]:
    watch = Watch(proxy)
    watch._thread.start()
    try:
        yield watch
    finally:
        watch._ended.set()
        watch._thread.join()


def test_groups_and_surge(redis_url: str, tmp_path: Path) -> None:
    """At once: most of it is waiting."""
    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(release, database(redis_url, number), tmp_path / release.__name__)
            for number, release in enumerate((_groups, _surge), 1)
        ]
        for run in runs:
            run.result()


def _groups(store: str, folder: Path) -> None:
    folder.mkdir()
    nodes = [{"name": f"web{number}", "group": "ab"[number % 2]} for number in range(4)]
    with open_shop(folder, store, nodes) as shop, haproxy_in_front_of(shop) as proxy:
        shop.write(release={"strategy": "groups"})
        shop.start("1")
        until(lambda: up(proxy) == set(shop.names), "nodes that are up")
        with Visitors(proxy.port) as visitors, watched(proxy) as watch:
            done = shop.run("--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert visitors.problems == []
        assert watch.least == 2
        assert shop.versions() == {name: {"2"} for name in shop.names}
        begun = [(event["step"], event["node"]) for event in shop.events() if event["outcome"] == "begun"]
        assert begun[:4] == [("drain", "web0"), ("drain", "web2"), ("stop", "web0"), ("stop", "web2")]


def _surge(store: str, folder: Path) -> None:
    folder.mkdir()
    nodes = [{"name": f"web{place}{slot}", "place": place} for place in "ab" for slot in "12"]
    with open_shop(folder, store, nodes) as shop, haproxy_in_front_of(shop) as proxy:
        shop.write(release={"strategy": "surge"})
        shop.start("1")  # all four, so that the fleet has heard of the idle ones and need not be waited for
        shop.stop("weba2", "webb2")
        until(lambda: up(proxy) == {"weba1", "webb1"}, "nodes that are up")
        with Visitors(proxy.port) as visitors, watched(proxy) as watch:
            done = shop.run("--yes")
            assert done.returncode == 0, done.stdout + done.stderr
        assert up(proxy) == {"weba2", "webb2"}
        assert shop.versions() == {"weba2": {"2"}, "webb2": {"2"}}
        assert visitors.problems == []
        assert watch.least == 2


@pytest.mark.soak
def test_surge_fails_goes_on_and_back(redis_url: str, tmp_path: Path) -> None:
    nodes = [{"name": f"web{place}{slot}", "place": place} for place in "ab" for slot in "12"]
    with open_shop(tmp_path, redis_url, nodes) as shop, haproxy_in_front_of(shop) as proxy:
        shop.write(release={"strategy": "surge"})
        shop.start("1", "weba1", "webb1")
        until(lambda: up(proxy) == {"weba1", "webb1"}, "nodes that are up")
        with Visitors(proxy.port) as visitors, watched(proxy) as watch:
            (tmp_path / "broken-2").touch()
            failed = shop.run("--yes")
            assert failed.returncode == 5, failed.stdout + failed.stderr
            assert up(proxy) == {"weba1", "webb1"}, "the newcomer failed, and nobody left"
            (tmp_path / "broken-2").unlink()
            done = shop.run("--yes")
            assert done.returncode == 0, done.stdout + done.stderr
            assert up(proxy) == {"weba2", "webb2"}
            assert shop.versions() == {"weba2": {"2"}, "webb2": {"2"}}
            undone = shop.run("--undo", "--yes")
            assert undone.returncode == 0, undone.stdout + undone.stderr
            assert shop.versions() == {"weba1": {"1"}, "webb1": {"1"}}
        assert visitors.problems == []
        assert watch.least == 2
