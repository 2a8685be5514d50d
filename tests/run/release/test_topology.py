"""A release over a primary and its replica, which it exchanges under visitors; killed and gone on with."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.run.release.replicated import Place, open_place
from tests.run.release.shop import DEADLINE, until
from tests.run.test_reports import report_in
from tests.run.test_switchover import writable_nodes
from tests.visitors import Visitors


@pytest.fixture(params=["mysql", pytest.param("mariadb", marks=pytest.mark.soak)])
def place(
    request: pytest.FixtureRequest, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """See `Place`."""
    pair = request.getfixturevalue(f"{request.param}_replication")
    with open_place(pair, redis_url, tmp_path, monkeypatch) as place:
        place.shop.write(phases={"backfill": ["echo as ${PASSWORD_A:-root}"]})
        yield place


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
