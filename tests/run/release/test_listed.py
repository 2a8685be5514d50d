"""Rolling restarts behind HAProxy, and behind nginx and Apache httpd, which read a list of nodes anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.run.release.balancing import apache_in_front_of, haproxy_in_front_of, nginx_in_front_of
from tests.run.release.shop import QUICK, START, Shop, database, open_shop, until
from tests.servers.apache import Apache
from tests.servers.haproxy import HAProxy
from tests.servers.nginx import Nginx
from tests.visitors import Visitors

Balancer = Nginx | Apache | HAProxy
_OPENERS: dict[str, Callable[[Shop], AbstractContextManager[Balancer]]] = {
    "haproxy": haproxy_in_front_of,
    "nginx": nginx_in_front_of,
    "apache": apache_in_front_of,
}


def test_rolling_restarts_drop_nothing(redis_url: str, tmp_path: Path) -> None:
    """Ten behind each of the three at once: most of it is waiting. Four are of gunicorn, which is slow to start."""
    asked = [("haproxy", 4, START, 2), ("haproxy", 6, QUICK, 3), ("nginx", 10, QUICK, 5), ("apache", 10, QUICK, 5)]
    with ThreadPoolExecutor(len(asked)) as pool:
        runs = [
            pool.submit(_restart, kind, database(redis_url, number), tmp_path / f"{number}", times, start, nodes)
            for number, (kind, times, start, nodes) in enumerate(asked, 1)
        ]
        for run in runs:
            run.result()


@pytest.mark.soak
@pytest.mark.parametrize("kind", _OPENERS)
def test_many_rolling_restarts_drop_nothing(redis_url: str, tmp_path: Path, kind: str) -> None:
    _restart(kind, redis_url, tmp_path / kind, int(os.environ.get("ZD_RESTARTS", "200")), START, 2)


def _restart(kind: str, store: str, folder: Path, times: int, start: str, nodes: int) -> None:
    """Restart nodes of the same version, in releases that restart each of them."""
    folder.mkdir()
    named = [{"name": f"web{number}"} for number in range(1, nodes + 1)]
    with open_shop(folder, store, named, start) as shop, _OPENERS[kind](shop) as balancer:
        shop.write(versions={"old": "2"}, smoke=[{"path": "/version", "contains": "2"}])
        shop.start("2")
        # nginx and Apache close idle connections of visitors when they are reloaded, see Visitors.
        with Visitors(balancer.port, keep_alive=kind == "haproxy") as visitors:
            until(lambda: min(visitors.pages) > 5, "pages")
            for _ in range(times // nodes):
                before = {name: shop.pid(name) for name in shop.names}
                done = shop.run("--yes")
                assert done.returncode == 0, done.stdout + done.stderr
                assert all(shop.pid(name) != pid for name, pid in before.items())
                assert visitors.problems == []
            seen = min(visitors.pages)
            until(lambda: min(visitors.pages) > seen + 5, "pages at the end")
        assert visitors.problems == []
        print(f"{balancer}: {times} restarts, {sum(visitors.pages)} pages, {len(visitors.problems)} dropped")
