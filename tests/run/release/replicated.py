"""A shop of two nodes in version 1 over a primary and its replica, and what version 2 needs of the database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.run.conftest import topology_file
from tests.run.hold_app import app_url, with_shop
from tests.run.release.balancing import haproxy_in_front_of
from tests.run.release.database import write_history, write_manifests
from tests.run.release.shop import Shop, open_shop, until
from tests.run.test_switchover import writable_nodes
from tests.servers.haproxy import HAProxy
from tests.servers.replication import Replication
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
_TRAFFIC = '\n[traffic]\nkind = "fleet"\nstore = "${STORE}"\nwait = 30\nlease = 60\n'


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


@contextmanager
def open_place(pair: Replication, store: str, folder: Path, patched: pytest.MonkeyPatch) -> Iterator[Place]:
    """The shop, with every node up and in rotation.

    Args:
        pair: empty. folder: for all files.
    """
    with_shop(pair)
    for statement in (
        "CREATE TABLE customer (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50))",
        "INSERT INTO customer (name) VALUES ('Ada Lovelace'), ('Grace Hopper')",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('r1')",
    ):
        pair.primary.execute(statement, database="shop")
    pair.wait_caught_up()
    write_history(folder)
    expand = folder / "migrations" / "versions" / "r2.py"
    expand.write_text(re.sub("(?m)^    op.add_column", f"    {_WIDER}\n    op.add_column", expand.read_text()))
    write_manifests(folder)
    topology = topology_file(pair, folder, patched)
    text = re.sub(r'(url = "[^"]*)"', r'\1shop"', topology.read_text())
    if pair.primary.server.kind == "mariadb":  # which has no SET PERSIST
        text = text.replace("replication_host", 'set_read_only = "true {value}"\nreplication_host')
    topology.write_text(text + _TRAFFIC)
    with open_shop(folder, store, [{"name": name} for name in ("web1", "web2")]) as shop:
        shop.environment["DATABASES"] = " ".join(app_url(node) for node in pair.nodes)
        shop.write(
            release={"alembic": "alembic.ini", "topology": "topology.toml"},
            phases={
                "expand_options": _EXPAND, "contract_options": _YOUNG,
                "migrate_options": [*_YOUNG, "--accept", "r3", "--because", "a test"],
            },
        )  # fmt: skip
        with haproxy_in_front_of(shop) as proxy:
            shop.start("1")
            until(lambda: set(proxy.states().values()) == {"UP"}, "nodes that are up")
            yield Place(shop, proxy, pair)
