"""Two gunicorn nodes, fifty users in the middle of a checkout; one node is killed, the other is deployed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zdsession.two_nodes.nodes import Node
from tests.zdsession.two_nodes.shoppers import Shoppers

USERS = 50
PRELOAD = ("--preload",)
GEVENT = ("--worker-class", "gevent")


def _store_url(kind: str, request: pytest.FixtureRequest) -> str:
    if kind == "sqlite":
        return f"sqlite:///{request.getfixturevalue('tmp_path')}/sessions.db"
    if kind == "mirrored":
        return f"mirrored:{_store_url('redis', request)}|{_store_url('mysql', request)}"
    return str(request.getfixturevalue(f"{kind}_url"))


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        pytest.param("redis", (), id="redis"),
        pytest.param("mysql", PRELOAD, id="mysql-preload"),
        pytest.param("sqlite", (), id="sqlite"),
        pytest.param("redis", PRELOAD, id="redis-preload", marks=pytest.mark.soak),
        pytest.param("redis", GEVENT, id="redis-gevent", marks=pytest.mark.soak),
        pytest.param("mysql", GEVENT, id="mysql-gevent", marks=pytest.mark.soak),
        pytest.param("mysql", (), id="mysql", marks=pytest.mark.soak),
        pytest.param("mariadb", (), id="mariadb", marks=pytest.mark.soak),
        pytest.param("mariadb", PRELOAD, id="mariadb-preload", marks=pytest.mark.soak),
        pytest.param("mirrored", (), id="mirrored", marks=pytest.mark.soak),
        pytest.param("mirrored", PRELOAD, id="mirrored-preload", marks=pytest.mark.soak),
    ],
)
def test_nobody_loses_a_step(
    kind: str, arguments: tuple[str, ...], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    environ = {"SHOP_SESSIONS": _store_url(kind, request)}
    if arguments == PRELOAD:
        environ["SHOP_WARM"] = "1"  # the parent has used the store before it forks
    with Node("one", tmp_path, environ, *arguments) as one, Node("two", tmp_path, environ, *arguments) as two:
        with Shoppers(USERS, [one.port, two.port]) as shoppers:
            shoppers.wait_for(2 * USERS)
            one.kill()
            shoppers.wait_for(USERS, two.port)  # all are served by the other
            one.start()
            shoppers.wait_for(USERS // 2, one.port)
            assert two.terminate() == 0, two.log()
            shoppers.wait_for(USERS, one.port)
            two.start()
            shoppers.wait_for(USERS // 2, two.port)
        pages = shoppers.pages
        assert pages.retries > 0, "nobody noticed: the nodes were stopped while nobody clicked"
        assert shoppers.checkouts >= USERS
        print(f"{kind}: {pages.total} pages, {shoppers.checkouts} checkouts, {pages.retries} sent to the other node")
