"""Expand, nodes, data and contract on real servers, killed and resumed; and a contract that is refused."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.run.applying import execute
from tests.run.release.balancing import haproxy_in_front_of
from tests.run.release.database import COLUMNS, columns, deploy_first, write_history, write_manifests
from tests.run.release.shop import Shop, open_shop, until
from tests.servers.haproxy import HAProxy
from tests.visitors import Visitors

#: The fleet of a test is younger than two minutes.
YOUNG = ["--least-age", "0"]
ACCEPTED = ["--accept", "r3", "--because", "version 2 takes a missing first name for unknown"]


@pytest.fixture(params=["mysql", pytest.param("mariadb", marks=pytest.mark.soak)])
def database_url(request: pytest.FixtureRequest) -> str:
    """`apply` is tested on both for itself; here the soak run does."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def shop(redis_url: str, database_url: str, tmp_path: Path) -> Iterator[Shop]:
    """Two nodes of version 1, on a database that version 2 cannot work with yet."""
    write_history(tmp_path)
    write_manifests(tmp_path)
    deploy_first(database_url)
    with open_shop(tmp_path, redis_url, [{"name": name} for name in ("web1", "web2")]) as shop:
        shop.environment["DATABASE_URL"] = database_url
        shop.write(
            release={"alembic": "alembic.ini", "database": "${DATABASE_URL}"},
            phases={"contract_options": YOUNG, "migrate_options": [*YOUNG, *ACCEPTED], "backfill": ["echo filled"]},
        )
        yield shop


@pytest.fixture
def proxy(shop: Shop) -> Iterator[HAProxy]:
    with haproxy_in_front_of(shop) as proxy:
        yield proxy


def test_a_whole_release(shop: Shop, proxy: HAProxy, database_url: str) -> None:
    shop.start("1")
    until(lambda: set(proxy.states().values()) == {"UP"}, "nodes that are up")
    rehearsed = shop.run("--dry-run")
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert "ALTER TABLE customer ADD COLUMN first_name" in rehearsed.stdout
    assert columns(database_url) == COLUMNS["r1"]
    assert not (shop.folder / ".zdrelease" / "journal.json").exists()
    with Visitors(proxy.port) as visitors:
        until(lambda: min(visitors.pages) > 5, "pages")
        done = shop.run("--yes")
        assert done.returncode == 0, done.stdout + done.stderr
    assert visitors.problems == []
    assert shop.versions() == {name: {"2"} for name in shop.names}
    assert columns(database_url) == COLUMNS["r4"]
    assert execute(database_url, "SELECT first_name FROM customer ORDER BY id") == [("Ada",), ("Grace",)]
    back = shop.run("--undo", "--yes")
    assert back.returncode == 6
    assert "1 could not run with the database as it is now (see above)" in back.stderr
    again = shop.run("--yes")
    assert again.returncode == 0, again.stderr
    assert "every node is as it should be" in again.stdout
    assert shop.versions() == {name: {"2"} for name in shop.names}


def test_a_contract_waits_for_everybody_and_undo_is_possible_until_then(
    shop: Shop, proxy: HAProxy, database_url: str
) -> None:
    """A worker of the old version is in the fleet too; no node of the release."""
    shop.start("1")
    until(lambda: set(proxy.states().values()) == {"UP"}, "nodes that are up")
    with old_worker(shop):
        done = shop.run("--yes")
        assert done.returncode == 5, done.stdout + done.stderr
        assert "node worker (version 1)" in done.stdout + done.stderr
        assert "the contract step was refused, see above; every node is as it should be" in done.stderr
        assert columns(database_url) == COLUMNS["r3"]
        undone = shop.run("--undo", "--yes")
        assert undone.returncode == 0, undone.stdout + undone.stderr
        assert shop.versions() == {name: {"1"} for name in (*shop.names, "worker")}
        assert shop.run("--yes").returncode == 5
    assert "worker" not in shop.versions()
    done = shop.run("--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert columns(database_url) == COLUMNS["r4"]


@pytest.mark.soak
def test_an_expand_that_is_refused_touches_no_node(shop: Shop, proxy: HAProxy, database_url: str) -> None:
    shop.start("1")
    until(lambda: set(proxy.states().values()) == {"UP"}, "nodes that are up")
    revision = shop.folder / "migrations" / "versions" / "r2.py"
    revision.write_text(
        revision.read_text().replace("op.add_column(", 'op.drop_column("customer", "name"); op.add_column(')
    )
    refused = shop.run("--yes")
    assert refused.returncode == 6, refused.stdout + refused.stderr
    assert "the expand step was refused, see above; no node was touched" in refused.stderr
    assert not [event for event in shop.events() if event["node"]]
    assert shop.journal()["state"] == "forgotten"


@pytest.mark.soak
@pytest.mark.parametrize("point", range(12))
def test_killed_at_random_it_ends_the_same(shop: Shop, proxy: HAProxy, database_url: str, point: int) -> None:
    """Again and again, until a run gets to the end."""
    chance = random.Random(point)
    shop.start("1")
    until(lambda: set(proxy.states().values()) == {"UP"}, "nodes that are up")
    with Visitors(proxy.port) as visitors:
        for _ in range(6):
            running = shop.spawn("--yes")
            with suppress(subprocess.TimeoutExpired):
                running.wait(chance.uniform(0.5, 8))
            running.send_signal(signal.SIGKILL)
            running.wait(30)
        done = shop.run("--yes")
        assert done.returncode == 0, done.stdout + done.stderr
    assert visitors.problems == []
    assert shop.versions() == {name: {"2"} for name in shop.names}
    assert columns(database_url) == COLUMNS["r4"]


@contextmanager
def old_worker(shop: Shop) -> Iterator[None]:
    """A process of version 1 that serves nobody."""
    code = (
        "import signal, threading, shop; ended = threading.Event(); "
        "signal.signal(signal.SIGTERM, lambda *_: ended.set()); "
        "shop.fleet.start(); ended.wait(600); shop.fleet.close()"
    )
    environment = {**shop.environment, "ZDSESSION_NODE": "worker", "ZDRELEASE_VERSION": "1"}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=shop.folder, env=environment)
    try:
        until(lambda: "worker" in shop.versions(), "the worker")
        yield
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
