"""Make the committed sample of a run's report, and the schema of its JSON.

    python -m scripts.run_report_sample                  # MySQL, 200,000 rows: about a minute
    python -m scripts.run_report_sample --rows 5000000
    python -m scripts.run_report_sample --render         # only the schema, and the page from its JSON; no server

`zdmigrate apply` takes an ALTER that copies a table replica-first, on a throwaway pair with writers on it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
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
SAMPLE = DOCS / "samples" / "run-report"
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
    parser.add_argument("--render", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    SCHEMA.write_text(json.dumps(run_json.schema(), indent=2) + "\n", encoding="utf-8")
    if options.render:
        made = run_json.read(SAMPLE.with_suffix(".json").read_bytes())
        SAMPLE.with_suffix(".html").write_text(run_html.render(made), encoding="utf-8")
        return 0
    return sample(options.server, options.rows)


def sample(kind: Kind, rows: int) -> int:
    """The exit code of `zdmigrate apply`; its report is at SAMPLE when that is 0."""
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
        with Ledger(pair.nodes, writers=4, pause=0.01) as ledger:
            code = run(
                [
                    "apply", *where, "--accept", "no-standby", "--accept", "privileged-writers",
                    "--because", "two nodes only, and the writers have no privileges", "--strategy", "replica-first",
                ]
            )  # fmt: skip
            ledger.wait_for(20)
        if code == 0:
            pair.wait_caught_up(source=pair.replica)
            ledger.check(pair.nodes)
            SAMPLE.parent.mkdir(exist_ok=True)
            made = sorted(Path("reports").glob("*-apply-*.json"))[-1]
            for path in (made, made.with_suffix(".html")):
                shutil.copy(path, SAMPLE.with_suffix(path.suffix))
        print(f"{len(ledger.acknowledged)} acknowledged writes, 0 lost; exit code {code}", file=sys.stderr)
        os.chdir(DOCS)
        return code


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
