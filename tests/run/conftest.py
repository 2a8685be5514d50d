"""What tests of runs share: an app, a server no run was made on, a fleet, a pair of servers as a topology."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.apps import App
from tests.fleets import Fleets
from tests.run.applying import execute, make_env
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


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    """An app of the test's own, whose history Alembic itself can run, too."""
    made = App(tmp_path / "app", monkeypatch)
    make_env(made.folder)
    return made


@pytest.fixture
def url(any_sql_url: str) -> Iterator[str]:
    """An empty database on a server that no run was ever made on."""
    yield any_sql_url
    execute(any_sql_url, "DROP DATABASE IF EXISTS zdmigrate")


@pytest.fixture
def fleet(redis_url: str) -> Iterator[Fleets]:
    """A fleet in an empty Redis."""
    made = Fleets(redis_url)
    yield made
    made.close()
