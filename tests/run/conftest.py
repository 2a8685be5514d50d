"""A pair of servers as the topology of a run."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.servers.replication import Replication
from zdmigrate.run.topology import Account, Node, Topology

Topologise = Callable[[Replication], Topology]


def topology_of(replication: Replication, path: str = "topology.toml") -> Topology:
    """The nodes of a replication, as a topology file would name them."""
    nodes = tuple(
        Node(node.name, make_url(node.url()), node.replication_host, node.replication_port)
        for node in replication.nodes
    )
    first = replication.nodes[0]
    return Topology(nodes, Account(first.replication_user, first.replication_password), path=path)


def topology_file(replication: Replication, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, written to a file whose passwords are in the environment."""
    lines = []
    for node in replication.nodes:
        url = make_url(node.url())
        variable = f"PASSWORD_{node.name.upper()}"
        monkeypatch.setenv(variable, str(url.password))
        lines += [
            "[[node]]",
            f'name = "{node.name}"',
            f'url = "mysql+pymysql://{url.username}:${{{variable}}}@{url.host}:{url.port}/"',
            f'replication_host = "{node.replication_host}"',
            f"replication_port = {node.replication_port}",
        ]
    first = replication.nodes[0]
    monkeypatch.setenv("REPLICATION_PASSWORD", first.replication_password)
    lines += ["[replication]", f'user = "{first.replication_user}"', 'password = "${REPLICATION_PASSWORD}"']
    path = folder / "topology.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs write their logs into the test's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "zdmigrate"
