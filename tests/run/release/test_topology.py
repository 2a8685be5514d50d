"""A release over a primary and its replica, which it exchanges under visitors; killed and gone on with."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.run.conftest import topology_file
from tests.run.hold_app import app_url, with_shop
from tests.run.release.balancing import haproxy_in_front_of
from tests.run.release.database import write_history, write_manifests
from tests.run.release.shop import DEADLINE, Shop, open_shop, until
from tests.run.test_reports import report_in
from tests.run.test_switchover import writable_nodes
from tests.servers.haproxy import HAProxy
from tests.servers.replication import Replication
from tests.visitors import Visitors
from zdsession.fleet import Registry
from zdsession.stores import open_store

#: Copies the table: its length was kept in one byte before, and is in two now.
_WIDER = (
    'op.alter_column("customer", "name", type_=sa.String(300), existing_type=sa.String(50), existing_nullable=True)'
)
_EXPAND = [
    "--strategy", "replica-first", "--accept", "no-standby", "--accept", "privileged-writers", "--because", "a test",
]  # fmt: skip
_YOUNG = ["--least-age", "0"]


@dataclass
class Place:
    """A shop of two nodes in version 1, whose pages are orders on the primary."""

    shop: Shop
    proxy: HAProxy
    pair: Replication

    def replica_is_altered(self) -> bool:
        """Before the switchover."""
        return "varchar(300)" in str(self.pair.replica.execute("SHOW CREATE TABLE shop.customer"))

    def is_held(self) -> bool:
        """Transactions are delayed, because nobody is about to be able to write."""
        store = open_store(self.shop.store, budget=20.0)
        try:
            return any(node.hold is not None for node in Registry(store).nodes())
        finally:
            store.close()

    def has_moved(self) -> bool:
        """Past the point of no return; the old primary may not have its ALTER yet."""
        return writable_nodes(self.pair) == ["b"]

    def first_node_is_down(self) -> bool:
        """The database has the expand step."""
        events = [(event["step"], event["node"], event["outcome"]) for event in self.shop.events()]
        return ("start", "web1", "begun") in events


@pytest.fixture(params=["mysql", pytest.param("mariadb", marks=pytest.mark.soak)])
def place(
    request: pytest.FixtureRequest, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """See `Place`."""
    pair = with_shop(request.getfixturevalue(f"{request.param}_replication"))
    for statement in (
        "CREATE TABLE customer (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50))",
        "INSERT INTO customer (name) VALUES ('Ada Lovelace'), ('Grace Hopper')",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('r1')",
    ):
        pair.primary.execute(statement, database="shop")
    pair.wait_caught_up()
    write_history(tmp_path)
    expand = tmp_path / "migrations" / "versions" / "r2.py"
    expand.write_text(re.sub("(?m)^    op.add_column", f"    {_WIDER}\n    op.add_column", expand.read_text()))
    write_manifests(tmp_path)
    topology = topology_file(pair, tmp_path, monkeypatch)
    text = re.sub(r'(url = "[^"]*)"', r'\1shop"', topology.read_text())
    if request.param == "mariadb":  # which has no SET PERSIST
        text = text.replace("replication_host", 'set_read_only = "true {value}"\nreplication_host')
    topology.write_text(text + '\n[traffic]\nkind = "fleet"\nstore = "${STORE}"\nwait = 30\nlease = 60\n')
    with open_shop(tmp_path, redis_url, [{"name": name} for name in ("web1", "web2")]) as shop:
        shop.environment["DATABASES"] = " ".join(app_url(node) for node in pair.nodes)
        shop.write(
            release={"alembic": "alembic.ini", "topology": "topology.toml"},
            phases={
                "expand_options": _EXPAND, "contract_options": _YOUNG, "backfill": ["echo as ${PASSWORD_A:-root}"],
                "migrate_options": [*_YOUNG, "--accept", "r3", "--because", "a test"],
            },
        )  # fmt: skip
        with haproxy_in_front_of(shop) as proxy:
            shop.start("1")
            until(lambda: set(proxy.states().values()) == {"UP"}, "nodes that are up")
            yield Place(shop, proxy, pair)


#: Where the tool is killed, until it is given once more.
_POINTS: dict[str, Callable[[Place], bool]] = {
    "the replica is altered": Place.replica_is_altered,
    "transactions are held": Place.is_held,
    "the primary has moved": Place.has_moved,
    "a node is down": Place.first_node_is_down,
}


@pytest.mark.parametrize(
    "point",
    [pytest.param(point, marks=() if point == "the replica is altered" else pytest.mark.soak) for point in _POINTS],
)
def test_killed_and_gone_on_with_under_visitors(place: Place, point: str, tmp_path: Path) -> None:
    shop, pair = place.shop, place.pair
    with Visitors(place.proxy.port) as visitors:
        until(lambda: min(visitors.pages) > 5, "pages")
        running = shop.spawn("--yes")
        try:
            until(lambda: _POINTS[point](place) or running.poll() is not None, point)
        finally:
            running.send_signal(signal.SIGKILL)
        assert running.wait(DEADLINE) == -signal.SIGKILL, (shop.folder / "release.log").read_text()
        done = shop.run("--yes", "--report", "reports")
        assert done.returncode == 0, done.stdout + done.stderr
        seen = min(visitors.pages)
        until(lambda: min(visitors.pages) > seen + 5, "pages at the end")
    assert visitors.problems == []
    assert shop.versions() == {name: {"2"} for name in shop.names}
    assert writable_nodes(pair) == ["b"]
    pair.wait_caught_up(source=pair.replica)
    for node in pair.nodes:
        assert node.value("SELECT COUNT(*) FROM shop.orders") == sum(visitors.pages)
        assert node.value("SELECT version_num FROM shop.alembic_version") == "r4"
    found = report_in(tmp_path / "reports")
    assert (found.run.kind, found.run.outcome, found.run.continued) == ("release", "done", True)
    assert (found.run.old_version, found.run.new_version) == ("1", "2")
    assert ("expand", "", "cut off") in {(item.name, item.node, item.outcome) for item in found.earlier} or (
        point == "a node is down"
    )
    assert [item.writable == "writable" for item in found.servers.after] == [False, True]
    assert [part.phase for part in found.parts] == ["expand", "migrate", "contract"]
    assert all(part.report.run.outcome == "done" for part in found.parts)
    if point == "the replica is altered":  # the run that was gone on with was not frozen yet
        assert [item.ended for item in found.parts[0].report.blocked] == ["promoted"]
    assert [(step.name, step.detail) for step in found.steps if step.name == "backfill"] == [
        ("backfill", "`echo as ${PASSWORD_A:-root}`: as ***")
    ]
    shown = {(node.versions, node.state, node.rotation) for node in found.app.after}
    assert shown == {(("2",), "ready", "in rotation")}
