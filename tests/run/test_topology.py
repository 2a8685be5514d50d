"""The topology file: what is read, and the sentence for what is not."""

from pathlib import Path

import pytest

from zdmigrate.errors import UsageError
from zdmigrate.run.topology import read_topology

GOOD = """
[[node]]
name = "db1"
url = "mysql+pymysql://admin:${DB}@db1:3307/shop"
replication_host = "10.0.0.1"
[[node]]
name = "db2"
url = "mysql+pymysql://admin:${DB}@db2/shop"
set_read_only = "set-read-only {value}"
[replication]
user = "repl"
password = "${REPL}"
"""
ENVIRON = {"DB": "s3cret@/", "REPL": "r3pl"}


def read(folder: Path, text: str) -> object:
    path = folder / "topology.toml"
    path.write_text(text)
    return read_topology(path, ENVIRON)


def test_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "topology.toml"
    path.write_text(GOOD)
    topology = read_topology(path, ENVIRON)
    first, second = topology.nodes
    assert (first.replication_host, first.replication_port) == ("10.0.0.1", 3307)
    assert (second.replication_host, second.replication_port) == ("db2", 3306)
    assert first.url.password == "s3cret@/"
    assert topology.account.password == "r3pl"
    assert topology.node("db2") is second


def test_no_password_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "topology.toml"
    path.write_text(GOOD)
    topology = read_topology(path, ENVIRON)
    assert "s3cret" not in repr(topology) + topology.nodes[0].shown
    assert "r3pl" not in repr(topology)


def test_a_node_nobody_knows(tmp_path: Path) -> None:
    path = tmp_path / "topology.toml"
    path.write_text(GOOD)
    with pytest.raises(UsageError, match=r"has no node 'db3'; it has db1, db2"):
        read_topology(path, ENVIRON).node("db3")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("${DB}@db1", "hunter2@db1", "node db1: the password stands in the file; write ${NAME}"),
        ('"${REPL}"', '"hunter2"', "[replication]: the password stands in the file; write ${NAME}"),
        ('name = "db2"', 'name = "db1"', "two nodes have the name db1"),
        ("@db2/shop", "@db1:3307/shop", "two nodes have the address db1:3307"),
        ("replication_host", "replcation_host", "node db1 has an unknown key 'replcation_host'; known are name,"),
        ("[replication]", "[traffic]\nkind = 'smoke'\n[replication]", "[traffic]: kind = 'smoke'; write one of none,"),
        ("[replication]", "[replication]\ntls = 1", "[replication]: tls = 1 is neither true nor false"),
        ("set-read-only {value}", "set-read-only", "node db2: set_read_only is a command with {value}"),
        ("mysql+pymysql://admin:${DB}@db1", "postgresql://admin:${DB}@db1", "url is not MySQL or MariaDB"),
        ('replication_host = "10.0.0.1"', "replication_port = 70000", "replication_port = 70000 is not a port"),
        ('user = "repl"', "", "[replication] has no user"),
        ("[[node]]", "[[nodes]]", "the file has an unknown key 'nodes'"),
    ],
)
def test_bad_input_is_one_clear_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in GOOD
    with pytest.raises(UsageError) as refused:
        read(tmp_path, GOOD.replace(old, new))
    assert sentence in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_topology(tmp_path / "none.toml", {})


def test_a_variable_that_is_not_set(tmp_path: Path) -> None:
    path = tmp_path / "topology.toml"
    path.write_text(GOOD)
    with pytest.raises(UsageError, match="DB"):
        read_topology(path, {})
