"""Make the committed sample of a release's report (its page is made anew by `scripts.run_report_sample --render`).

    python -m scripts.release_report_sample              # MySQL, 20,000 customers: about a minute

`zdmigrate release` takes a shop of two nodes from version 1 to 2 over a throwaway pair of databases, which it
exchanges, while three visitors each keep a session and place an order with every page. The release is killed with -9
while its second node is down, and gone on with. The sample is written when no visitor met a problem and both databases
have every order.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.run.release.replicated import Place, open_place
from tests.run.release.shop import until
from tests.servers import open_server
from tests.servers.base import Kind
from tests.servers.replication import open_replicas
from tests.visitors import Visitors

SAMPLE = Path(__file__).parents[1] / "docs" / "samples" / "release-report"
_LARGEST_BYTES = 100_000
_BACKFILL = (
    "zdmigrate backfill --topology topology.toml "
    "\"UPDATE customer SET first_name = SUBSTRING_INDEX(name, ' ', 1) WHERE first_name IS NULL\""
)
_FILL = "INSERT INTO customer (name) SELECT name FROM customer LIMIT %s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and copy the report."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.release_report_sample",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("server", nargs="?", choices=("mysql", "mariadb"), default="mysql")
    parser.add_argument("--rows", type=int, default=20_000)
    options = parser.parse_args(arguments)
    return sample(options.server, options.rows)


def sample(kind: Kind, rows: int) -> int:
    """0 when the sample was written; else what went wrong is told."""
    with (
        pytest.MonkeyPatch.context() as patched,
        tempfile.TemporaryDirectory() as name,
        open_replicas(kind) as pair,
        closing(open_server("redis")) as redis,
        open_place(pair, redis.url(), Path(name), patched) as place,
    ):
        _fill(place, rows)
        place.shop.environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        place.shop.write(phases={"backfill": [_BACKFILL]})
        with Visitors(place.proxy.port) as visitors:
            until(lambda: min(visitors.pages) > 20, "pages")
            _killed(place)
            done = place.shop.run("--yes", "--report", "reports")
            seen = min(visitors.pages)
            until(lambda: min(visitors.pages) > seen + 20 or visitors.problems, "pages at the end")
        if done.returncode != 0 or visitors.problems:
            print(done.stdout, done.stderr, *visitors.problems, sep="\n", file=sys.stderr)
            return 1
        pair.wait_caught_up(source=pair.replica)
        for node in pair.nodes:
            assert node.value("SELECT COUNT(*) FROM shop.orders") == sum(visitors.pages), f"{node.name} lost orders"
        _copy(Path(name))
        print(f"{sum(visitors.pages):,} pages, as many orders on both databases; {SAMPLE}.html", file=sys.stderr)
    return 0


def _fill(place: Place, rows: int) -> None:
    count = 2
    while count < rows:
        more = min(count, rows - count)
        place.pair.primary.execute(_FILL, more, database="shop")
        count += more
    place.pair.wait_caught_up(300)


def _killed(place: Place) -> None:
    """The release, until its second node is down."""
    running = place.shop.spawn("--yes")
    wanted = ("start", "web2", "begun")
    until(
        lambda: (
            any((event["step"], event["node"], event["outcome"]) == wanted for event in place.shop.events())
            or running.poll() is not None
        ),
        "start of web2",
    )
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL, (place.shop.folder / "release.log").read_text()


def _copy(folder: Path) -> None:
    """Without the name of the throwaway folder."""
    (made,) = (folder / "reports").glob("*-release-*.json")
    SAMPLE.parent.mkdir(exist_ok=True)
    for path in (made, made.with_suffix(".html")):
        text = path.read_text("utf-8").replace(str(folder), "/srv/shop")
        assert len(text.encode()) < _LARGEST_BYTES, f"{path.name} has {len(text):,} characters"
        SAMPLE.with_suffix(path.suffix).write_text(text, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
