"""`zdmigrate backfill`: parse, call `zdmigrate.run.batches`, print."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zdmigrate.cli_report import given, report_option, reported
from zdmigrate.errors import UsageError

if TYPE_CHECKING:
    from zdmigrate.run.checkpoints import Checkpoint
    from zdmigrate.run.keys import Session
    from zdmigrate.run.pace import Limits, Progress
    from zdmigrate.run.recorder import Recorder
    from zdmigrate.run.seats import Seat
    from zdmigrate.run.topology import Topology

#: Seconds between two lines of progress: on a terminal, and in a log.
_TERMINAL_SECONDS, _LOG_SECONDS = 0.5, 10.0


@click.command()
@click.argument("statement", required=False)
@click.option("--url", help="The server to change, with its database. May hold ${VAR} for secrets.")
@click.option(
    "--topology",
    "topology_path",
    type=click.Path(path_type=Path),
    help="Change whichever node is the primary, and watch how far its replicas are behind.",
)
@click.option("--database", metavar="NAME", help="The app's database (default: the URL's).")
@click.option(
    "--max-lag", type=click.FloatRange(min=0.05), default=1.0, help="Hold replicas under so many seconds (1)."
)
@click.option("--max-running", type=click.IntRange(min=1), default=25, help="Wait while more statements run (25).")
@click.option("--batch-ms", type=click.FloatRange(min=1), default=100.0, help="A batch should take so long (100).")
@click.option("--max-rows", type=click.IntRange(min=1), default=50_000, help="Most rows of a batch (50000).")
@click.option("--rest", type=click.FloatRange(min=0), default=0.0, help="Rest so long for each second of work (0).")
@click.option("--patience", type=click.FloatRange(min=1), default=600.0, help="Give up after waiting so long (600).")
@click.option("--dry-run", is_flag=True, help="Show the key and a batch's statement; change nothing.")
@click.option("--list", "list_", is_flag=True, help="Show every backfill and how far it is.")
@click.option("--forget", metavar="ID", help="Give an unfinished backfill up as it is.")
@report_option
@click.pass_context
def backfill(
    ctx: click.Context,
    /,
    statement: str | None,
    url: str | None,
    topology_path: Path | None,
    database: str | None,
    max_lag: float,
    max_running: int,
    batch_ms: float,
    max_rows: int,
    rest: float,
    patience: float,
    dry_run: bool,
    list_: bool,
    forget: str | None,
    report_folder: Path | None,
) -> None:
    """Run an UPDATE or DELETE in small batches, throttled and resumable: run it again to continue it.

    Exits 1 when rows are left that STATEMENT finds and does not change.
    """
    from zdmigrate.run.pace import Limits
    from zdmigrate.run.recorder import Recorder

    if sum((statement is not None, list_, forget is not None)) != 1:
        raise UsageError("give one UPDATE or DELETE, or --list, or --forget ID")
    seat, topology = _seat(url, topology_path, database)
    limits = Limits(batch_ms / 1000, max_lag, max_running, max_rows, rest, patience)
    try:
        if list_:
            _list(seat)
        elif forget is not None:
            _forget(seat, forget)
        elif dry_run:
            _dry_run(seat, statement or "")
        else:
            recorder = Recorder("backfill", topology, shlex.join(["zdmigrate", "backfill", *given(ctx)]))
            with reported(recorder, report_folder):
                recorder.exit_code = _run(seat, statement or "", limits, recorder)
            ctx.exit(recorder.exit_code)
    finally:
        seat.close()


def _seat(url: str | None, path: Path | None, database: str | None) -> tuple[Seat, Topology]:
    from zdmigrate.config import expand_variables
    from zdmigrate.run.seats import OneServer, Primary
    from zdmigrate.run.topology import Account, Node, Topology, read_topology

    if (url is None) == (path is None):
        raise UsageError("say which server: --url URL, or --topology FILE")
    if path is not None:
        topology = read_topology(path)
        name = database or next((node.url.database for node in topology.nodes if node.url.database), None)
        if not name:
            raise UsageError(f"{path} names no database in its URLs; say --database NAME")
        return Primary(topology, name), topology
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        made = make_url(expand_variables(url or ""))
    except (ArgumentError, ValueError) as error:
        raise UsageError("--url is not a database URL; write mysql+pymysql://user@host:3306/database") from error
    if made.get_backend_name() not in ("mysql", "mariadb") or not made.host:
        shown = made.render_as_string(hide_password=True)
        raise UsageError(f"--url {shown} is not MySQL or MariaDB; write mysql+pymysql://user@host:3306/database")
    name = database or made.database
    if not name:
        raise UsageError("--url names no database; add /database at its end, or say --database NAME")
    address = f"{made.host}:{made.port or 3306}"
    node = Node(address, made, made.host, made.port or 3306)
    return OneServer(node, name), Topology((node,), Account("", ""), path="--url")


def _run(seat: Seat, statement: str, limits: Limits, recorder: Recorder) -> int:
    from zdmigrate.run.batches import Backfill
    from zdmigrate.run.cut import cut

    made = cut(statement)
    shown = _Shown()
    backfill = Backfill(seat, made, limits=limits, listener=shown, again="run the same command again, it continues")
    recorder.begin("")
    try:
        result = backfill.do()
    finally:
        shown.end()
        recorder.run = backfill.id
    recorder.continued = result.resumed
    recorder.figures = {
        "rows changed": result.changed, "batches": result.batches, "seconds waited": round(result.waited, 1),
        **({} if result.rows_left is None else {"rows left": result.rows_left}),
    }  # fmt: skip
    resumed = "continued, " if result.resumed else ""
    click.echo(
        f"backfill {result.id}: {resumed}{result.changed:,} rows changed in {result.batches:,} batches; "
        f"{result.seconds:.1f} s, of which it waited {result.waited:.1f} s"
    )
    if result.rows_left is None:
        click.echo("its WHERE does not tell changed rows from others, so there is nothing to check")
        return 0
    click.echo(f"{result.rows_left:,} rows left that its WHERE finds")
    if result.complete:
        return 0
    click.echo(
        f"zdmigrate: it finds them and does not change them, or others keep adding some; look at them: "
        f"SELECT * FROM {made.table} WHERE {made.where} LIMIT 10",
        err=True,
    )
    return 1


def _dry_run(seat: Seat, statement: str) -> None:
    from zdmigrate.run.cut import cut
    from zdmigrate.run.keys import between, find_key

    made = cut(statement)
    session = seat.open()
    key = find_key(session, made.table)
    condition, _ = between([made.column(name) for name in key.names], key.last(session), key.last(session) or ())
    click.echo(f"walks {made.table} by {key.shown}, about {key.estimate(session):,} rows")
    click.echo(f"each batch: {made.change(condition, key.index).replace('%%', '%')}")
    click.echo("nothing was changed")


def _list(seat: Seat) -> None:
    from zdmigrate.run.checkpoints import listed

    found = listed(seat.open())
    for item in found:
        click.echo(_line(item))
    if not found:
        click.echo("there is no backfill")


def _line(item: Checkpoint) -> str:
    left = "" if item.rows_left is None else f", {item.rows_left:,} left"
    far = f"pass {item.pass_}, {item.scanned:,} of ~{item.estimate:,} rows" if item.state == "running" else item.state
    text = " ".join(item.statement.split())
    shown = text if len(text) <= 80 else text[:77] + "..."
    label = f"  {item.label}" if item.label else ""
    return f"{item.id}  {far}, {item.changed:,} changed{left}  {item.db}{label}  {shown}"


def _forget(seat: Seat, id_: str) -> None:
    from zdmigrate.run import checkpoints

    session: Session = seat.open()
    known = {item.id for item in checkpoints.unfinished(session)}
    if id_ not in known:
        raise UsageError(f"no unfinished backfill has the id {id_}; `zdmigrate backfill --list` shows them all")
    checkpoints.forget(session, id_)
    click.echo(f"{id_} is given up; what it changed stays changed")


class _Shown:
    """Prints progress: over one line on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = time.monotonic()
        self._wrote = False

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last < (_TERMINAL_SECONDS if self._terminal else _LOG_SECONDS):
            return
        self._last = now
        left = progress.seconds_left
        parts = [
            f"{progress.scanned:,} of ~{progress.estimate:,} rows",
            f"{progress.changed:,} changed",
            f"{progress.rate:,.0f} rows/s",
            f"batch {progress.batch:,}",
            *([f"~{left:.0f} s left"] if left is not None else []),
            *([f"waits: {progress.waits}"] if progress.waits else []),
        ]
        text = ", ".join(parts)
        if self._terminal:
            click.echo("\r\033[K" + text, nl=False, err=True)
            self._wrote = True
        else:
            click.echo(text, err=True)

    def end(self) -> None:
        """Leave the line."""
        if self._wrote:
            click.echo("", err=True)
