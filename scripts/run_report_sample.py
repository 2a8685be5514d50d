"""Make the committed sample of a run's report, and the schema of its JSON.

    python -m scripts.run_report_sample                  # MySQL, 200,000 rows: about a minute
    python -m scripts.run_report_sample mariadb --rows 5000000 --pause 0.005
    python -m scripts.run_report_sample --render         # only the schema, and each sample's page; no server

`zdmigrate apply` takes an ALTER that copies a table replica-first, on a throwaway pair, while four writers add to that
table. Then every write that was acknowledged has to be there once on both nodes, and their tables have to be equal.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.apps import App
from tests.run.applying import make_env
from tests.run.conftest import topology_file
from tests.run.ledger import Ledger
from tests.servers.base import Kind
from tests.servers.replication import Replication, open_replicas
from zdmigrate.cli import run
from zdmigrate.report import run_html, run_json

DOCS = Path(__file__).parents[1] / "docs"
SCHEMA = DOCS / "run-report.schema.json"
SAMPLES = {"mysql": DOCS / "samples" / "run-report", "mariadb": DOCS / "samples" / "run-report-mariadb"}
#: MariaDB has no SET PERSIST: what its configuration files have to say is left for a person.
_DONE = (0, 5)
_WRITERS = 4
_WRITE = "INSERT INTO shop.users (name, nick) VALUES ('written while it was altered', %s)"
_WRITTEN = "SELECT nick FROM shop.users WHERE name = 'written while it was altered'"
_FILLED = "INSERT INTO shop.users (name, nick) SELECT name, nick FROM shop.users LIMIT %s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the schema; then run and copy the report."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.run_report_sample",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("server", nargs="?", choices=("mysql", "mariadb"), default="mysql")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--pause", type=float, default=0.01, help="seconds a writer rests after each write")
    parser.add_argument("--render", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    SCHEMA.write_text(json.dumps(run_json.schema(), indent=2) + "\n", encoding="utf-8")
    if options.render:
        for there in (DOCS / "samples").glob("*.json"):
            there.with_suffix(".html").write_text(run_html.render(run_json.read(there.read_bytes())), "utf-8")
        return 0
    return sample(options.server, options.rows, options.pause)


def sample(kind: Kind, rows: int, pause: float) -> int:
    """The exit code of `zdmigrate apply`; its report is with the samples when that is 0."""
    with (
        pytest.MonkeyPatch.context() as patched,
        tempfile.TemporaryDirectory() as folder,
        open_replicas(kind) as pair,
    ):
        app = App(Path(folder), patched)
        make_env(app.folder)
        os.chdir(app.folder)  # so that no path of this machine is in the report
        topology = topology_file(pair, app.folder, patched)
        topology.write_text(re.sub(r'(url = "[^"]*)"', r'\1shop"', topology.read_text()))
        pair.primary.execute("CREATE DATABASE shop")
        pair.wait_caught_up()
        app.users(
            'op.alter_column("users", "name", type_=sa.String(300), existing_type=sa.String(50), '
            "existing_nullable=False)",
            'op.add_column("users", sa.Column("age", sa.Integer))',
        )
        where = ["--topology", topology.name, "--report", "reports", "--yes"]
        if code := run(["apply", *where, "--to", "aaaa1"]):
            return code
        fill(pair, rows)
        began = time.monotonic()
        with Ledger(pair.nodes, writers=_WRITERS, pause=pause, also=_WRITE, grants=["INSERT ON shop.users"]) as ledger:
            code = run(
                [
                    "apply", *where, "--accept", "no-standby", "--accept", "privileged-writers",
                    "--because", "two nodes only, and the writers have no privileges", "--strategy", "replica-first",
                ]
            )  # fmt: skip
            ledger.wait_for(20)
        seconds = time.monotonic() - began
        if code in _DONE:
            pair.wait_caught_up(600, source=pair.replica)
            ledger.check(pair.nodes)
            check_table(pair, ledger)
            target = SAMPLES[kind]
            target.parent.mkdir(exist_ok=True)
            made = sorted(Path("reports").glob("*-apply-*.json"))[-1]
            for path in (made, made.with_suffix(".html")):
                shutil.copy(path, target.with_suffix(path.suffix))
            print(
                f"{rows:,} rows; {len(ledger.acknowledged):,} acknowledged writes in {seconds:.0f} s "
                f"({len(ledger.acknowledged) / seconds:.0f}/s), 0 lost, 0 doubled, both tables equal; "
                f"longest gap of a writer {max(ledger.gaps) * 1000:.0f} ms",
                file=sys.stderr,
            )
            code = 0
        os.chdir(DOCS)
        return code


def check_table(pair: Replication, ledger: Ledger) -> None:
    """What was written to the altered table is there once, on both nodes, and both have the same rows."""
    sums = set()
    for node in pair.nodes:
        there = [int(row[0]) for row in node.execute(_WRITTEN)]
        assert len(there) == len(set(there)), f"{node.name} has writes twice"
        assert ledger.acknowledged <= set(there) <= ledger.acknowledged | ledger.unknown, f"{node.name} lost writes"
        sums.add(
            node.value(
                "SELECT CONCAT(COUNT(*), ' ', BIT_XOR(CRC32(CONCAT_WS('#', id, name, nick, age)))) FROM shop.users"
            )
        )
    assert len(sums) == 1, f"the tables differ: {sums}"


def fill(pair: Replication, rows: int) -> None:
    """Rows in `users`, on both nodes."""
    pair.primary.execute("INSERT INTO shop.users (name, nick) VALUES ('a', 'b')")
    count = 1
    while count < rows:
        more = min(count, rows - count)
        pair.primary.execute(_FILLED % more)
        count += more
    pair.wait_caught_up(300)


if __name__ == "__main__":
    sys.exit(main())
