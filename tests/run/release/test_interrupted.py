"""A release that is killed, stopped, refused, or fails its smoke test; on real nodes behind a real HAProxy."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.run.release.balancing import haproxy_in_front_of
from tests.run.release.shop import DEADLINE, QUICK, Shop, open_shop, until
from tests.servers.haproxy import HAProxy
from tests.visitors import Visitors


@pytest.fixture
def shop(redis_url: str, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, redis_url, [{"name": name} for name in ("web1", "web2")]) as shop:
        yield shop


@pytest.fixture
def proxy(shop: Shop) -> Iterator[HAProxy]:
    with haproxy_in_front_of(shop) as proxy:
        shop.start("1")
        until(lambda: set(proxy.states().values()) == {"UP"}, "nodes that are up")
        yield proxy


def up(proxy: HAProxy) -> set[str]:
    return {name.partition("/")[2] for name, status in proxy.states().items() if status.startswith("UP")}


def begun(shop: Shop, step: str, node: str) -> bool:
    return any((event["step"], event["node"], event["outcome"]) == (step, node, "begun") for event in shop.events())


@pytest.mark.parametrize(
    ("step", "node"),
    [
        ("start", "web1"),
        *(
            pytest.param(step, node, marks=pytest.mark.soak)
            for node in ("web1", "web2")
            for step in ("drain", "stop", "start", "smoke", "admit")
        ),
    ],
)
def test_killed_it_goes_on(shop: Shop, proxy: HAProxy, step: str, node: str) -> None:
    with Visitors(proxy.port) as visitors:
        running = shop.spawn("--yes")
        until(lambda: begun(shop, step, node), f"{step} of {node}")
        running.send_signal(signal.SIGKILL)
        running.wait(DEADLINE)
        assert len(up(proxy)) >= 1
        done = shop.run("--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "going on with release" in done.stdout
    assert visitors.problems == []
    assert shop.versions() == {name: {"2"} for name in shop.names}
    assert up(proxy) == set(shop.names)
    assert shop.journal()["state"] == "done"
    (report,) = shop.reports()
    assert (report.run.outcome, report.run.continued) == ("done", True)
    assert report.earlier
    taken = {(item.name, item.node) for item in report.earlier} | {(item.name, item.node) for item in report.steps}
    assert taken == {(name, item) for name in ("drain", "stop", "start", "smoke", "admit") for item in shop.names}, (
        "what was not done before the kill was done after it"
    )


def test_a_failed_smoke_test_pauses_and_undo_brings_the_old_version_back(shop: Shop, proxy: HAProxy) -> None:
    with Visitors(proxy.port) as visitors:
        running = shop.spawn("--yes")
        until(lambda: begun(shop, "drain", "web2"), "the second node's turn")
        (shop.folder / "broken-2").touch()
        assert running.wait(DEADLINE) == 5
        said = (shop.folder / "release.log").read_text()
        assert "web2 failed its smoke test and got no traffic: GET http://127.0.0.1:" in said
        assert "/version: 500, not 200" in said
        assert "next: zdmigrate release release.toml --yes --undo   (back to 1; " in said
        assert up(proxy) == {"web1"}
        status = shop.run("--status")
        assert (status.returncode, "because: web2 failed its smoke test" in status.stdout) == (0, True), status.stderr
        assert "next: stop web2" in status.stdout
        again = shop.run("--yes")  # nothing was mended
        assert again.returncode == 5
        assert "start        web2" in again.stdout, "it is started anew, not only tested again"
        assert up(proxy) == {"web1"}
        undone = shop.run("--undo", "--yes")
        assert undone.returncode == 0, undone.stdout + undone.stderr
    assert visitors.problems == []
    assert shop.versions() == {name: {"1"} for name in shop.names}
    assert up(proxy) == set(shop.names)
    assert shop.journal()["state"] == "undone"
    failed, _, back = shop.reports()
    assert (failed.run.outcome, failed.run.exit_code) == ("needs a person", 5)
    assert failed.run.next.startswith("zdmigrate release release.toml --yes --undo")
    assert [(step.name, step.node, step.outcome) for step in failed.steps[-1:]] == [("smoke", "web2", "failed")]
    assert [(node.versions, node.rotation) for node in failed.app.after] == [
        (("2",), "in rotation"),
        (("2",), "out"),
    ]
    assert (back.run.kind, back.run.outcome) == ("undo", "done")
    assert ("smoke", "web2", "failed") in [(step.name, step.node, step.outcome) for step in back.earlier]
    refused = shop.run("--undo", "--yes")
    assert (refused.returncode, "there is no release of 2 to take back" in refused.stderr) == (6, True)


class Noted:
    """Releases whose commands note that they ran."""

    whole = ("before", "before_node", "before_node", "backfill", "after")

    def __init__(self, shop: Shop) -> None:
        self.said = ""
        self._shop = shop
        self._log = shop.folder / "ran"
        shop.write(
            hooks={name: [self.command(name)] for name in ("before", "after", "before_node")},
            phases={"backfill": [self.command("backfill")]},
        )

    def command(self, name: str) -> str:
        return f"echo {name} >> {self._log}"

    def __call__(self, *arguments: str) -> tuple[str, ...]:
        """Which commands ran in a release that ends well."""
        self._log.write_text("")
        done = self._shop.run("--yes", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        wanted = "1" if "--undo" in arguments else "2"
        assert self._shop.versions() == {name: {wanted} for name in self._shop.names}
        self.said = done.stdout
        return tuple(self._log.read_text().split())


def test_what_is_done_is_not_done_again(shop: Shop, proxy: HAProxy) -> None:
    """Unless the file asks for something else, or somebody for all of it."""
    ran = Noted(shop)
    assert ran() == ran.whole
    pids, events = [shop.pid(name) for name in shop.names], shop.events()
    for arguments in ((), ("--dry-run",)):
        assert ran(*arguments) == ()
        assert re.match(
            r"nothing to do: 2 was released at \d{4}-\d\d-\d\d .+ by .+ \(release [0-9a-f]{8}\) and runs on every "
            "node; --repeat carries it out once more\n$",
            ran.said,
        )
    assert (shop.events(), len(shop.reports())) == (events, 1)
    assert ran("--repeat") == ("before", "backfill", "after")
    shop.write(phases={"backfill": [ran.command("more")]})
    assert ran() == ("before", "more", "after")
    assert [shop.pid(name) for name in shop.names] == pids


@pytest.mark.soak
def test_what_was_taken_back_or_is_a_restart_is_done_again(shop: Shop, proxy: HAProxy) -> None:
    ran = Noted(shop)
    assert ran() == ran.whole
    assert ran("--undo") == ("before_node", "before_node")
    assert ran() == ran.whole
    assert ran() == ()
    shop.write(versions={"old": "2"})
    assert ran() == ran() == ran.whole, "a restart"
    shop.write(versions={"old": None})
    assert ran() == (), "the same without a restart is done"


@pytest.mark.soak
def test_a_mended_version_is_gone_on_with(shop: Shop, proxy: HAProxy) -> None:
    (shop.folder / "broken-2").touch()
    assert shop.run("--yes").returncode == 5
    (shop.folder / "broken-2").unlink()
    done = shop.run("--yes")
    assert done.returncode == 0, done.stderr
    assert shop.versions() == {name: {"2"} for name in shop.names}


def test_one_at_a_time_and_ctrl_c_ends_tidily(shop: Shop, proxy: HAProxy, tmp_path: Path) -> None:
    shop.write(hooks={"before_node": [f"touch {tmp_path}/waits; while [ -e {tmp_path}/waits ]; do sleep 0.1; done"]})
    running = shop.spawn("--yes")
    until((tmp_path / "waits").exists, "the hook")
    second = shop.run("--yes")
    assert second.returncode == 6
    assert "another release is at work here: " in second.stderr
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text(shop.file.read_text().replace("[release]", '[release]\njournal = "other"'))
    third = shop.run("--yes", file="elsewhere.toml")
    assert third.returncode == 6
    assert "another release is at work: " in third.stderr
    os.kill(running.pid, signal.SIGINT)
    (tmp_path / "waits").unlink()
    assert running.wait(DEADLINE) == 5
    said = (shop.folder / "release.log").read_text()
    assert said.endswith(
        "zdmigrate: stopped between two steps, as asked\n  next: zdmigrate release release.toml --yes\n"
    )
    assert up(proxy) == set(shop.names), "nothing had begun but the hook"
    (report,) = shop.reports()
    assert (report.run.outcome, report.run.message) == ("needs a person", "stopped between two steps, as asked")
    assert [(step.name, step.node, step.outcome) for step in report.steps] == [("before_node", "web1", "done")]
    assert shop.run("--forget").returncode == 0
    assert shop.journal()["state"] == "forgotten"
    assert shop.run("--forget").returncode == 6


def test_ctrl_c_twice_ends_the_command_that_hangs(shop: Shop, proxy: HAProxy, tmp_path: Path) -> None:
    shop.write(hooks={"before_node": [f"touch {tmp_path}/hangs; sleep 600"]})
    running = shop.spawn("--yes")
    until((tmp_path / "hangs").exists, "the hook")
    os.kill(running.pid, signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(1)
    os.kill(running.pid, signal.SIGINT)
    assert running.wait(DEADLINE) == 5
    assert "was ended: somebody asked for it twice" in (shop.folder / "release.log").read_text()


@pytest.mark.soak
def test_a_killed_node_is_mended_first(shop: Shop, proxy: HAProxy) -> None:
    """The tool was killed, and then a node that it had changed already."""
    running = shop.spawn("--yes")
    until(lambda: begun(shop, "drain", "web2"), "the second node's turn")
    running.send_signal(signal.SIGKILL)
    running.wait(DEADLINE)
    os.killpg(shop.pid("web1"), signal.SIGKILL)
    done = shop.run("--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shop.versions() == {name: {"2"} for name in shop.names}
    assert up(proxy) == set(shop.names)


@pytest.mark.soak
def test_a_release_is_gone_on_with_from_another_folder(shop: Shop, proxy: HAProxy) -> None:
    """The journal is in the session store, too: another machine has all it needs."""
    running = shop.spawn("--yes")
    until(lambda: begun(shop, "stop", "web1"), "the first node's turn")
    running.send_signal(signal.SIGTERM)
    assert running.wait(DEADLINE) == 5
    journal = shop.folder / ".zdrelease"
    (journal / "journal.json").unlink()
    shop.write(versions={"new": "3"})
    other = shop.run("--yes")
    assert other.returncode == 6
    assert "the release 1 -> 2 (rolling, web1, web2)" in other.stderr
    assert "is not finished" in other.stderr
    shop.write(versions={"new": "2"})
    done = shop.run("--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "going on with release" in done.stdout


def test_it_does_not_begin_while_a_node_is_missing(shop: Shop, proxy: HAProxy) -> None:
    proxy.command("set server nodes/web2 state maint")
    refused = shop.run("--yes")
    assert refused.returncode == 6
    assert "web2 gets no requests from every balancer; put it in rotation first" in refused.stderr
    assert not (shop.folder / ".zdrelease" / "journal.json").exists()
    assert shop.run("--yes", "--undo").returncode == 6


def test_who_comes_up_with_the_wrong_version_gets_no_traffic(shop: Shop, proxy: HAProxy) -> None:
    shop.write(versions={"new": "3"}, commands={"start": f"export ZDRELEASE_VERSION=1; {QUICK}"})
    done = shop.run("--yes")
    assert done.returncode == 5
    assert "web1 came up with version 1, not 3: look at what its start command starts" in done.stderr
    assert up(proxy) == {"web2"}


@pytest.mark.soak
def test_who_does_not_stay_up_is_quoted(shop: Shop, proxy: HAProxy) -> None:
    shop.write(commands={"start": "echo no module named shop; exit 3"})
    done = shop.run("--yes")
    assert done.returncode == 5
    assert "web1 did not stay up: it has ended: " in done.stderr
    assert "no module named shop" in done.stderr
    assert up(proxy) == {"web2"}


def test_a_drain_that_does_not_end_leaves_the_node_in_rotation(shop: Shop, proxy: HAProxy) -> None:
    shop.write(release={"drain_quiet": 600, "drain_within": 3})
    done = shop.run("--yes")
    assert done.returncode == 5
    assert "web1 has not drained within 3 s: web1: process" in done.stderr
    until(lambda: up(proxy) == set(shop.names), "both nodes in rotation")
    assert shop.versions() == {name: {"1"} for name in shop.names}
    (report,) = shop.reports()
    assert [(step.name, step.outcome) for step in report.steps] == [("put-back", "undone"), ("drain", "failed")]
