"""Which steering a topology names, and the command hook."""

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.run.conftest import topology_of
from tests.servers.replication import Replication
from zdmigrate.errors import UsageError
from zdmigrate.run import runs
from zdmigrate.run.errors import AbortedError
from zdmigrate.run.policy import Policy
from zdmigrate.run.topology import Account, Node, Topology, Traffic
from zdmigrate.run.traffic import NoTraffic, open_traffic
from zdmigrate.run.traffic.options import TrafficError

NODES = tuple(
    Node(name, make_url(f"mysql+pymysql://admin:secret-of-admin@{name}:3306/shop"), name, 3306)
    for name in ("db1", "db2")
)


def topology(traffic: Traffic) -> Topology:
    return Topology(NODES, Account("repl", "secret-of-repl"), traffic)


@pytest.mark.parametrize(
    ("traffic", "said"),
    [
        (Traffic("none", {"sockets": ["x"]}), "unknown key 'sockets'"),
        (Traffic("proxysql"), "not there yet"),
        (Traffic("command"), "has no command"),
        (Traffic("command", {"command": "/bin/true"}), "has no command"),
        (Traffic("command", {"command": ["x"], "timeout": 0}), "timeout = 0"),
        (Traffic("haproxy", {"backend": "b"}), "has no sockets"),
        (Traffic("haproxy", {"sockets": ["s"]}), "has no backend"),
        (Traffic("haproxy", {"sockets": ["s"], "backend": "b;show"}), "no name of HAProxy's"),
        (Traffic("haproxy", {"sockets": ["s"], "backend": "b", "servers": {"x": "y"}}), "no node"),
        (Traffic("haproxy", {"sockets": ["s"], "backend": "b", "flip": "now"}), "state or health"),
        (Traffic("haproxy", {"sockets": ["s"], "backend": "b", "maxconn": 0}), "maxconn = 0"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(traffic: Traffic, said: str) -> None:
    with pytest.raises(UsageError, match=r"topology\.toml: \[traffic\]") as caught:
        open_traffic(topology(traffic))
    assert said in str(caught.value)


def test_nobody_steers() -> None:
    assert isinstance(open_traffic(topology(Traffic())), NoTraffic)


# --- the command

SCRIPT = """#!{python}
import json, sys, time
told = json.load(sys.stdin)
with open({log!r}, "a") as log:
    print(json.dumps([sys.argv[1:], told]), file=log)
{more}
print("something first")
print("did", sys.argv[-1])
"""


def script(folder: Path, more: str = "") -> Path:
    path = folder / "steer"
    path.write_text(SCRIPT.format(python=sys.executable, log=str(folder / "log"), more=more))
    path.chmod(0o755)
    return path


def calls(folder: Path) -> list[tuple[list[str], dict[str, object]]]:
    return [tuple(json.loads(line)) for line in (folder / "log").read_text().splitlines()]


def test_a_command_is_told_everything_but_passwords(tmp_path: Path) -> None:
    steer = open_traffic(topology(Traffic("command", {"command": [str(script(tmp_path)), "--cluster", "shop"]})))
    assert steer.check() == "did check"
    assert steer.hold() == "did hold"
    assert steer.flip(NODES[1]) == "did flip"
    assert steer.release() == "did release"
    nodes = [{"name": name, "host": name, "port": 3306} for name in ("db1", "db2")]
    assert calls(tmp_path)[0] == (
        ["--cluster", "shop", "check"],
        {"version": 1, "action": "check", "primary": None, "nodes": nodes},
    )
    assert calls(tmp_path)[2][1]["primary"] == nodes[1]
    assert "secret" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("sys.exit('the balancer is gone')", "ended with 1: the balancer is gone"),
        ("sys.exit(3)", "ended with 3: no word"),
        ("os.abort()", "ended with 1: NameError: name 'os' is not defined"),
    ],
)
def test_a_command_that_fails(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(TrafficError, match=said):
        open_traffic(topology(Traffic("command", {"command": [str(script(tmp_path, more))]}))).check()


def test_a_command_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(TrafficError, match="cannot be started: No such file"):
        open_traffic(topology(Traffic("command", {"command": [str(tmp_path / "none")]}))).check()


def test_a_command_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    more = f"import subprocess as s; p = s.Popen(['sleep', '99']); open({str(pid)!r}, 'w').write(str(p.pid)); p.wait()"
    steer = open_traffic(topology(Traffic("command", {"command": [str(script(tmp_path, more))], "timeout": 2})))
    began = time.monotonic()
    with pytest.raises(TrafficError, match=r"did not end within 2 s"):
        steer.hold()
    assert time.monotonic() - began < 30
    _wait_for_end(int(pid.read_text()))


def _wait_for_end(pid: int) -> None:
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < end, "it lives on"
        time.sleep(0.05)
    assert os.getpid() != pid


def test_a_switchover_calls_it_in_order(mariadb_replication: Replication, tmp_path: Path) -> None:
    steer = Traffic("command", {"command": [str(script(tmp_path))]})
    runs.switch(replace(topology_of(mariadb_replication), traffic=steer), "b", Policy())
    assert [told["action"] for _, told in calls(tmp_path)] == ["check", "hold", "flip", "release"]


def test_steering_that_cannot_hold_is_released_and_nothing_is_frozen(
    mariadb_replication: Replication, tmp_path: Path
) -> None:
    more = "if sys.argv[-1] == 'hold': sys.exit('no')"
    steer = Traffic("command", {"command": [str(script(tmp_path, more))]})
    with pytest.raises(AbortedError, match="ended with 1: no"):
        runs.switch(replace(topology_of(mariadb_replication), traffic=steer), "b", Policy())
    assert [told["action"] for _, told in calls(tmp_path)] == ["check", "hold", "release"]
    assert mariadb_replication.primary.value("SELECT @@GLOBAL.read_only") == 0
