"""What balancers are told, and what they say: the list of nginx and Apache, commands, HAProxy's answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.servers.haproxy import open_haproxy
from zdmigrate.run.release.balancers import Rotation
from zdmigrate.run.release.balancers.command import CommandBalancer
from zdmigrate.run.release.balancers.haproxy import HAProxyBalancer
from zdmigrate.run.release.balancers.listed import ListedBalancer
from zdmigrate.run.release.commands import Commands
from zdmigrate.run.release.errors import BalancerError
from zdmigrate.run.release.spec import NodeSpec


def node(name: str, server: str) -> NodeSpec:
    return NodeSpec(name, f"http://{server}", server, "true", "true", "true")


NODES = (node("web1", "10.0.0.1:80"), node("web2", "10.0.0.1:8000"), node("web3", "10.0.0.11:80"))


class List:
    """A list of nodes with commands that note when they are called."""

    def __init__(self, folder: Path, text: str, **options: str) -> None:
        self.path = folder / "nodes.conf"
        self.path.write_text(text)
        self.calls = folder / "calls"
        given = {"file": str(self.path), "reload": f"echo reload >> {self.calls}", **options}
        self.balancer = ListedBalancer("nginx", given, NODES, Commands(folder, 20), "2")

    def listed(self) -> set[str]:
        return {name for name, rotation in self.balancer.look().items() if rotation.whole}

    def reloads(self) -> int:
        return self.calls.read_text().count("reload") if self.calls.exists() else 0


def test_a_file_written_by_hand_is_understood(tmp_path: Path) -> None:
    listing = List(tmp_path, "# server 10.0.0.11:80;\nserver  10.0.0.1:8000 weight=3; # 10.0.0.1:80\n")
    assert listing.listed() == {"web2"}
    listing.balancer.admit(NODES[0])
    assert listing.listed() == {"web1", "web2"}
    assert listing.path.read_text().splitlines()[1:] == ["server 10.0.0.1:80;", "server 10.0.0.1:8000;"]
    listing.balancer.out(NODES[1])
    assert (listing.listed(), listing.reloads()) == ({"web1"}, 2)
    listing.balancer.shut(NODES[1])
    assert listing.reloads() == 2, "nothing was changed"


def test_who_goes_on_reloads_once_for_a_kill_between_file_and_reload(tmp_path: Path) -> None:
    listing = List(tmp_path, "server 10.0.0.1:80;\n")
    listing.balancer.out(NODES[1])
    listing.balancer.out(NODES[1])
    assert listing.reloads() == 1


def test_a_list_is_never_emptied(tmp_path: Path) -> None:
    listing = List(tmp_path, "server 10.0.0.1:80;\n")
    with pytest.raises(BalancerError, match="would be empty: no node would serve"):
        listing.balancer.out(NODES[0])
    assert (listing.listed(), listing.reloads()) == ({"web1"}, 0)


def test_a_configuration_that_is_refused_is_put_back(tmp_path: Path) -> None:
    text = "server 10.0.0.1:80;\nserver 10.0.0.1:8000;\n"
    listing = List(tmp_path, text, check="echo unknown directive; exit 1")
    with pytest.raises(BalancerError, match=r"unknown directive; .* is as it was"):
        listing.balancer.out(NODES[0])
    assert (listing.path.read_text(), listing.reloads()) == (text, 0)


def test_a_reload_that_fails_is_tried_again(tmp_path: Path) -> None:
    listing = List(tmp_path, "server 10.0.0.1:80;\nserver 10.0.0.1:8000;\n", reload="exit 1")
    for _ in range(2):
        with pytest.raises(BalancerError, match="`exit 1` ended with 1"):
            listing.balancer.out(NODES[0])
    assert listing.listed() == {"web2"}


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    listing = List(tmp_path, "")
    listing.path.unlink()
    with pytest.raises(BalancerError, match=r"nodes.conf, the list that nginx includes, cannot be read \(No such file"):
        listing.balancer.look()


@settings(max_examples=20)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(NODES)), max_size=12))
def test_the_list_is_what_was_said_last(
    tmp_path_factory: pytest.TempPathFactory, orders: list[tuple[bool, NodeSpec]]
) -> None:
    listing = List(tmp_path_factory.mktemp("list"), "server 10.0.0.1:80;\n", reload="true")
    wanted = {"web1"}
    for admit, one in orders[:4]:
        if admit:
            listing.balancer.admit(one)
            wanted |= {one.name}
        elif wanted != {one.name}:
            listing.balancer.out(one)
            wanted -= {one.name}
        assert listing.listed() == wanted


def test_commands_of_ones_own(tmp_path: Path) -> None:
    options = {
        "out": f"rm -f {tmp_path}/in-{{server}}", "in": f"touch {tmp_path}/in-{{server}}",
        "state": f"test -e {tmp_path}/in-{{server}} && echo in || echo out",
    }  # fmt: skip
    balancer = CommandBalancer(options, NODES, Commands(tmp_path, 20), "2")
    assert not any(rotation.reached for rotation in balancer.look().values())
    balancer.admit(NODES[1])
    assert balancer.look()["web2"] == Rotation(reached=True, whole=True, sessions=0, detail="in")
    balancer.shut(NODES[1])
    balancer.out(NODES[1])
    assert not balancer.look()["web2"].reached
    strange = CommandBalancer({**options, "state": "echo maybe"}, NODES, Commands(tmp_path, 20), "2")
    with pytest.raises(BalancerError, match="said 'maybe' of web1; it has to print in or out"):
        strange.look()


def test_haproxy_is_told_and_asked(tmp_path: Path) -> None:
    config = "defaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n" + (
        "frontend web\n  bind 127.0.0.1:{port}\n  default_backend nodes\nbackend nodes\n"
        "  server web1 127.0.0.1:1\n  server web2 127.0.0.1:2\n"
    )
    nodes = [NodeSpec(name, "http://x:1", name, "true", "true", "true") for name in ("web1", "web2")]
    proxies = [open_haproxy(config) for _ in range(2)]
    try:
        sockets = [str(proxy.stats_socket) for proxy in proxies]
        balancer = HAProxyBalancer(sockets, "nodes", nodes)
        assert balancer.look()["web1"] == Rotation(reached=True, whole=True, sessions=0, detail="no check")
        proxies[0].command("set server nodes/web1 state maint")
        assert balancer.look()["web1"] == Rotation(reached=True, whole=False, sessions=0, detail="MAINT, no check")
        for act in (balancer.out, balancer.shut):
            act(nodes[0])
            assert not balancer.look()["web1"].reached
        balancer.admit(nodes[0])
        assert balancer.look()["web1"].whole
        with pytest.raises(BalancerError, match="has no backend other; it has nodes"):
            HAProxyBalancer(sockets, "other", nodes).look()
        stranger = NodeSpec("web9", "http://x:1", "web9", "true", "true", "true")
        with pytest.raises(BalancerError, match="backend nodes has no server web9; add it"):
            HAProxyBalancer(sockets, "nodes", [stranger]).look()
    finally:
        for proxy in proxies:
            proxy.close()
    with pytest.raises(BalancerError, match="did not answer"):
        HAProxyBalancer([str(tmp_path / "none")], "nodes", nodes).look()
