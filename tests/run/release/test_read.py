"""release.toml: what is read, and one clear refusal for whatever cannot be used."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdmigrate.cli import run
from zdmigrate.errors import UsageError
from zdmigrate.run.release.read import read_release

GOOD = """
[release]
fleet = "redis://:${REDIS_PASSWORD}@localhost/0"
[versions]
new = "2.0"
[balancer]
kind = "haproxy"
sockets = ["/run/haproxy/admin.sock"]
backend = "nodes"
[commands]
start = "start {node}"
stop = "stop {node}"
[[node]]
name = "web1"
address = "10.0.0.1:8000"
[[node]]
name = "web2"
address = "https://10.0.0.2:8443"
server = "second"
start = "start the other"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "release.toml"
    path.write_text(text)
    return path


def test_what_is_read(tmp_path: Path) -> None:
    spec = read_release(written(tmp_path, GOOD))
    assert (spec.strategy, spec.new, spec.old, spec.serving) == ("rolling", "2.0", None, 2)
    first, second = spec.nodes
    assert (first.address, first.server, first.start, first.start_old) == (
        "http://10.0.0.1:8000", "web1", "start {node}", "start {node}",
    )  # fmt: skip
    assert (second.address, second.server, second.start) == ("https://10.0.0.2:8443", "second", "start the other")
    assert spec.journal == tmp_path / ".zdrelease"
    assert not spec.phases.expand
    assert [str(test) for test in spec.smoke] == ["GET /-/ready"]


def test_balancers_with_a_list_call_nodes_by_their_address(tmp_path: Path) -> None:
    text = GOOD.replace('server = "second"\n', "")
    text = text.replace('kind = "haproxy"', 'kind = "nginx"\nfile = "nodes.conf"\nreload = "nginx -s reload"')
    text = text.replace('sockets = ["/run/haproxy/admin.sock"]\nbackend = "nodes"\n', "")
    spec = read_release(written(tmp_path, text))
    assert [node.server for node in spec.nodes] == ["10.0.0.1:8000", "10.0.0.2:8443"]
    assert spec.balancer.options["file"] == str(tmp_path / "nodes.conf")


def replaced(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


BAD = {
    "[release] has an unknown key 'flet'": replaced("fleet =", "flet ="),
    "[release] has no fleet": replaced('fleet = "redis://:${REDIS_PASSWORD}@localhost/0"', ""),
    "fleet: the password stands in the file": replaced("${REDIS_PASSWORD}", "secret"),
    "strategy = 'blue'; write one of rolling, groups, surge": replaced("[release]", '[release]\nstrategy = "blue"'),
    "ready_within = -1 is not a number of seconds": replaced("[release]", "[release]\nready_within = -1"),
    "drain_quiet = 'long' is not a number of seconds": replaced("[release]", '[release]\ndrain_quiet = "long"'),
    "needs alembic together with topology or database": replaced("[release]", '[release]\nalembic = "alembic.ini"'),
    "topology and database, which both": replaced(
        "[release]", '[release]\nalembic = "a"\ntopology = "t"\ndatabase = "mysql+pymysql://db/shop"'
    ),
    "[versions] has no new": replaced('new = "2.0"', ""),
    "new = 2 is no text": replaced('new = "2.0"', "new = 2"),
    "has no [balancer]": GOOD.partition("[balancer]")[0] + "[commands]" + GOOD.partition("[commands]")[2],
    "kind = 'f5'; write one of haproxy, nginx, apache, command": replaced('kind = "haproxy"', 'kind = "f5"'),
    "has 'reload', which is not for kind haproxy": replaced("backend =", 'reload = "x"\nbackend ='),
    "has no sockets": replaced('sockets = ["/run/haproxy/admin.sock"]', ""),
    "sockets = '/run' is no list of texts": replaced('["/run/haproxy/admin.sock"]', '"/run"'),
    "has no backend": replaced('backend = "nodes"', ""),
    "there is no table 'nodes' here": replaced("[[node]]", "[[nodes]]"),
    "names no node": GOOD.partition("[[node]]")[0],
    "2 nodes have the name web1": replaced('name = "web2"', 'name = "web1"'),
    "2 nodes have the address http://10.0.0.1:8000": replaced("https://10.0.0.2:8443", "10.0.0.1:8000"),
    "node 1 has no name": replaced('name = "web1"', ""),
    "a node is named by": replaced('name = "web1"', 'name = "web 1"'),
    "node web1 has no address": replaced('address = "10.0.0.1:8000"', ""),
    "address = '10.0.0.1:8000/x' is not host:port": replaced("10.0.0.1:8000", "10.0.0.1:8000/x"),
    "address = '10.0.0.1:port' is not host:port": replaced("10.0.0.1:8000", "10.0.0.1:port"),
    "server = 'a;b' is no name of a balancer's": replaced('"second"', '"a;b"'),
    "node web1 has no start": replaced('start = "start {node}"', ""),
    "node web1 has no stop": replaced('stop = "stop {node}"', ""),
    "start_kind = 'fork'; write one of": replaced("[commands]", '[commands]\nstart_kind = "fork"'),
    "strategy groups wants a group of each node": replaced("[release]", '[release]\nstrategy = "groups"'),
    "strategy surge wants a place of each node": replaced("[release]", '[release]\nstrategy = "surge"'),
    "strategy rolling knows no groups": replaced("[[node]]", '[[node]]\ngroup = "a"'),
    "strategy rolling knows no places": replaced("[[node]]", '[[node]]\nplace = "a"'),
    "strategy rolling needs two nodes": GOOD[: GOOD.rindex("[[node]]")],
    "has expand = true, but [release] has no alembic": GOOD + "[phases]\nexpand = true\n",
    "expand = 1 is neither true nor false": GOOD + "[phases]\nexpand = 1\n",
    "backfill = 'x' is no list of texts": GOOD + '[phases]\nbackfill = "x"\n',
    "path = 'ready' is no path": GOOD + '[[smoke]]\npath = "ready"\n',
    "status = 42 is not a whole number": GOOD + "[[smoke]]\nstatus = 42\n",
    "headers = 'x' is no table of texts": GOOD + '[[smoke]]\nheaders = "x"\n',
    "timeout = 0 is not a number of seconds": GOOD + "[[smoke]]\ntimeout = 0\n",
    "has a command, which takes no other key": GOOD + '[[smoke]]\ncommand = "x"\npath = "/"\n',
    "smoke is no list of tables": GOOD + "[smoke]\npath = '/'\n",
    "[hooks] has an unknown key 'during'": GOOD + "[hooks]\nduring = []\n",
    "[hooks] is not a table": "hooks = 1\n" + GOOD,
    "cannot be read: ": "[release",
}


@pytest.mark.parametrize("told", BAD)
def test_one_clear_refusal(told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, BAD[told])
    with pytest.raises(UsageError) as raised:
        read_release(path)
    assert told in str(raised.value)
    assert "secret" not in str(raised.value)
    assert run(["release", str(path), "--yes"]) == 2
    assert capsys.readouterr().err == f"zdmigrate: {raised.value}\n"


def test_a_group_or_place_that_serves_nobody_is_refused(tmp_path: Path) -> None:
    grouped = GOOD.replace("[release]", '[release]\nstrategy = "groups"').replace("[[node]]", '[[node]]\ngroup = "a"')
    with pytest.raises(UsageError, match="needs two groups or more"):
        read_release(written(tmp_path, grouped))
    placed = GOOD.replace("[release]", '[release]\nstrategy = "surge"').replace("[[node]]", '[[node]]\nplace = "a"')
    assert read_release(written(tmp_path, placed)).serving == 1
    with pytest.raises(UsageError, match="needs two nodes at each place, and b has 1"):
        read_release(written(tmp_path, placed + '[[node]]\nname = "web3"\naddress = "x:1"\nplace = "b"\n'))
    with pytest.raises(UsageError, match="told apart by their versions"):
        read_release(written(tmp_path, placed.replace('new = "2.0"', 'new = "2.0"\nold = "2.0"')))


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ('start = "start {node}"', 'start = "begin {node}"', True),
        ("[versions]", "drain_quiet = 9\n[versions]", True),
        ('server = "second"', 'server = "other"', True),
        ("[balancer]", "[[smoke]]\npath = '/'\n[balancer]", True),
        ('new = "2.0"', 'new = "2.0"\nold = "1.0"', True),
        ('new = "2.0"', 'new = "2.1"', False),
        ('name = "web2"', 'name = "web3"', False),
        ("[balancer]", "[phases]\nbackfill = ['true']\n[balancer]", False),
        ("[balancer]", "[hooks]\nafter_node = ['true']\n[balancer]", False),
        ("[versions]", 'alembic = "alembic.ini"\ndatabase = "mysql://db1/shop"\n[versions]', False),
    ],
)
def test_what_makes_it_another_release(tmp_path: Path, before: str, after: str, same: bool) -> None:
    """What is to be done, not how."""
    other = read_release(written(tmp_path, GOOD.replace(before, after)))
    assert (read_release(written(tmp_path, GOOD)).asked == other.asked) is same


def test_other_ways_to_ask_for_too_much(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(written(tmp_path, GOOD))
    assert run(["release", path, "--undo", "--status"]) == 2
    assert run(["release", path, "--forget", "--dry-run"]) == 2
    assert run(["release", path, "--repeat", "--undo"]) == 2
    assert run(["release", str(tmp_path / "none.toml")]) == 2
    assert "cannot be read: No such file" in capsys.readouterr().err
    assert run(["release", path, "--status"]) == 2
    assert "the environment variable REDIS_PASSWORD" in capsys.readouterr().err


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(GOOD + text, encoding="utf-8", errors="surrogatepass")
    with suppress(UsageError):
        read_release(path)
