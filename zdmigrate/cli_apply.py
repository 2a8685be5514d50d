"""`zdmigrate apply`, and what is said to a run from another terminal: parse, call `zdmigrate.run`, print."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zdmigrate.cli_fleet import fleet_options, opened_fleet, with_fleet
from zdmigrate.cli_report import ProgressLine, both, given, report_option, reported
from zdmigrate.cli_run import policy_from, policy_options
from zdmigrate.errors import UsageError

if TYPE_CHECKING:
    from zdmigrate.run.journal import Entry, Verb
    from zdmigrate.run.order import Order, Prepared
    from zdmigrate.run.steps import Timing
    from zdmigrate.run.topology import Topology

_history = (
    click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path),
        help="The app's alembic.ini (default: found as Alembic finds it).",
    ),
    click.option("--script-location", help="Folder of the migration scripts, for apps without an alembic.ini."),
    click.option("--version-location", "version_locations", multiple=True, help="Folder with revisions (repeatable)."),
    click.option("--metadata", metavar="PKG.MODULE:OBJECT", help="The app's MetaData: it names unnamed constraints."),
    click.option("--import", "imports", multiple=True, metavar="MODULE", help="Import first (repeatable)."),
    click.option("--stub-imports", is_flag=True, help="Replace modules that are not installed by inert stand-ins."),
    click.option(
        "--deployed", multiple=True, metavar="FILE|git:REF", help="Manifest of a deployed version (repeatable)."
    ),
)
_where = (
    click.option("--url", help="The one server to run on, its database included. May hold ${VAR} for secrets."),
    click.option("--topology", "topology_path", type=click.Path(path_type=Path), help="The servers, instead of --url."),
)
_limits = (
    click.option("--lock-wait", type=click.IntRange(1, 50), metavar="S", help="Wait so long for a lock at a time (1)."),
    click.option("--lock-patience", type=float, metavar="S", help="Step back and try again for so long (60)."),
    click.option("--statement-limit", type=float, metavar="S", help="No statement may run longer than this (3600)."),
    click.option("--kill-running", is_flag=True, help="End a running statement when stopped; else it goes on."),
)


Command = TypeVar("Command", bound=Callable[..., Any])


def _with(*groups: tuple[Any, ...]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed([item for group in groups for item in group]):
            command = option(command)
        return command

    return decorate


@click.command()
@_with(_history)
@fleet_options
@_with(_where)
@click.option("--to", metavar="REV", help="Run up to this revision (default: every head).")
@click.option("--phase", type=click.Choice(["expand", "migrate", "contract"]), help="Run what this side may run.")
@click.option(
    "--strategy",
    type=click.Choice(["auto", "direct", "replica-first"]),
    default="auto",
    help="How statements are carried out: as the plan says (auto), or all of them this way.",
)
@click.option(
    "--witness-window",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="A statement that a contract would break stops it when a server ran it so lately (default: since the last old "
    "node left, or else 600).",
)
@click.option("--because", metavar="TEXT", help="Why what --accept names is accepted; kept in the journal.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Run every check and print every statement; change nothing.")
@click.option("--then-switch-back", is_flag=True, help="After a replica-first run, move the primary back again.")
@click.option(
    "--hold-before",
    type=click.Choice(["switchover"]),
    help="A replica-first run pauses there, all ready, until `zdmigrate resume`.",
)
@report_option
@_with(_limits)
@policy_options
@click.pass_context
def apply(
    ctx: click.Context,
    /,
    url: str | None,
    topology_path: Path | None,
    phase: str | None,
    strategy: Any,
    because: str | None,
    yes: bool,
    dry_run: bool,
    report_folder: Path | None,
    then_switch_back: bool,
    hold_before: str | None,
    witness_window: float | None,
    **options: Any,
) -> None:
    """Carry the pending revisions out: plan, show, ask, run; resumable wherever it stops.

    A contract runs when what is deployed allows it: the live fleet (--fleet), or the manifests given (--deployed).
    """
    from dataclasses import replace

    from zdmigrate.run.apply import apply as carry_out
    from zdmigrate.run.order import KIND
    from zdmigrate.run.recorder import Recorder, revisions_of
    from zdmigrate.run.selection import Asked
    from zdmigrate.verdict.model import Phase

    if options["accept"] and not because:
        raise UsageError("--accept needs --because TEXT: who reads the journal wants to know why")
    accept: Mapping[str, str] = dict.fromkeys(options["accept"], because or "")
    asked = Asked(Phase(phase) if phase else None, strategy, accept)
    order = _order(url, topology_path, asked, options, [*given(ctx), "--yes"] if yes else given(ctx))

    def confirm(prepared: Prepared) -> bool:
        _show(prepared)
        if dry_run:
            for where, statement in prepared.statements():
                click.echo(f"  {where:<12} {statement}")
            return False
        recorder.revisions = revisions_of(prepared)
        if not prepared.selection.revisions:
            return True
        return yes or click.confirm(f"Run {len(prepared.selection.revisions)} revision(s) on {prepared.node.name}?")

    recorder, line = Recorder(KIND, order.topology, order.command), ProgressLine()
    recorder.accepted = {name: order.asked.accept.get(name, "") for name in sorted(order.policy.accept)}
    with opened_fleet(order.request.settings) as fleet, reported(recorder, report_folder):
        done = carry_out(
            replace(
                order,
                fleet=fleet,
                switch_back=then_switch_back,
                hold_before=hold_before or "",
                witness_window=witness_window,
            ),
            confirm,
            listener=both(recorder.step, line.before(_told)),
            began=lambda run, continued: recorder.begin(run, continued=continued),
            progress=line,
            finish=lambda entry: (
                yes
                or click.confirm(f"The {entry.kind} {entry.id} of {entry.owner} stopped half way. Bring it to an end?")
            ),
        )
        line.clear()
        if done is not None:
            recorder.todo, recorder.notes = done.todo, done.notes
            recorder.figures = dict(done.figures)
            recorder.exit_code = 5 if done.todo else 0
    if done is None:
        if not dry_run:
            click.echo("nothing was changed")
        return
    click.echo(f"applied: {', '.join(done.revisions) or 'nothing, there was nothing to do'}")
    if done.proof is not None:
        click.echo(f"allowed by: {done.proof.quote()}")
    for item in done.todo:
        click.echo(f"zdmigrate: left for you: {item}", err=True)
    ctx.exit(5 if done.todo else 0)


def _order(url: str | None, path: Path | None, asked: Any, options: dict[str, Any], command: list[str]) -> Order:
    from dataclasses import replace

    from zdmigrate.assemble import Request
    from zdmigrate.config import find_config, load_settings
    from zdmigrate.run.order import Order

    config = options.pop("config")
    settings = load_settings(find_config(config)).override(
        script_location=options.pop("script_location"),
        version_locations=options.pop("version_locations"),
        metadata=options.pop("metadata"),
        imports=options.pop("imports"),
        stub_imports=options.pop("stub_imports") or None,
        deployed=options.pop("deployed"),
    )
    settings = with_fleet(settings, options)
    if settings.target is not None:  # what is served is asked of the server
        settings = replace(settings, target=None)
    topology, single = _servers(url or (None if path else settings.url), path)
    to = options.pop("to")
    limits = {
        name: value
        for name in ("lock_wait", "lock_patience", "statement_limit", "kill_running")
        if (value := options.pop(name)) is not None
    }
    policy = replace(policy_from(options), **limits)
    request = Request(replace(settings, schema=None), to=to)
    return Order(request, topology, asked, policy, single, shlex.join(["zdmigrate", "apply", *command]))


def _servers(url: str | None, path: Path | None) -> tuple[Topology, bool]:
    from zdmigrate.run.topology import read_topology, single_server

    if url is not None and path is not None:
        raise UsageError("--url and --topology both say where to run; give one of them")
    if path is not None:
        return read_topology(path), False
    if url is None:
        raise UsageError("say where to run: --url URL for one server, or --topology FILE")
    return single_server(url), True


def _show(prepared: Prepared) -> None:
    from rich.console import Console

    from zdmigrate.report.text import print_plan

    if prepared.entry is not None:
        click.echo(f"going on with run {prepared.entry.id} of {prepared.entry.owner}")
    terminal = sys.stdout.isatty()
    print_plan(Console(highlight=False, markup=False, emoji=False, width=None if terminal else 160), prepared.plan)
    for revision in prepared.selection.left:
        click.echo(f"left: {revision.revision} is {revision.phase.value}")
    for note in prepared.notes:
        click.echo(f"note: {note}")


def _told(timing: Timing) -> None:
    mark = {"done": " ok ", "failed": "FAIL", "undone": "undo", "waits": " .. "}.get(timing.outcome, "FAIL")
    click.echo(f"  {mark}  {timing.name:<18} {timing.seconds * 1000:9.1f} ms  {timing.detail}")


@click.command()
@_with(_where)
def pause(url: str | None, topology_path: Path | None) -> None:
    """Let the run at work wait before its next step, until `zdmigrate resume`."""
    from zdmigrate.run.journal import ask

    if _told_another_kind(topology_path, "pause"):
        return
    with _Running(url, topology_path) as (connection, entry, alive):
        if not alive:
            raise UsageError(f"run {entry.id} does not run now; `zdmigrate apply` goes on with it")
        ask(connection, entry.id, "pause")
        click.echo(f"run {entry.id} waits before its next statement; `zdmigrate resume` lets it go on")


@click.command()
@_with(_where)
@click.option("--kill", is_flag=True, help="End the statement that runs, too.")
@click.option("--forget", is_flag=True, help="Give up a run that does not run any more; the schema stays as it is.")
def abort(url: str | None, topology_path: Path | None, kill: bool, forget: bool) -> None:
    """Stop the run at work before its next step. What `apply` has applied stays; a switchover is undone."""
    from zdmigrate.run.journal import Journal, ask
    from zdmigrate.run.order import KIND

    if not kill and not forget and _told_another_kind(topology_path, "abort"):
        return
    with _Running(url, topology_path) as (connection, entry, alive):
        if alive:
            if forget:
                raise UsageError(f"run {entry.id} runs now ({entry.owner}); stop it first, without --forget")
            ask(connection, entry.id, "kill" if kill else "abort")
            click.echo(f"run {entry.id} was asked to stop{' now' if kill else ' before its next statement'}")
            return
        if not forget:
            raise UsageError(f"run {entry.id} does not run now; go on with `zdmigrate apply`, or give it up: --forget")
        Journal(connection, KIND, entry.id).end("aborted")
        click.echo(f"run {entry.id} is given up; the schema stays as it is, look at it with `zdmigrate plan --url`")


def _told_another_kind(path: Path | None, verb: Verb) -> bool:
    """Ask a switchover or a replica-first run, at work or left behind; False when there is none."""
    from zdmigrate.run.order import KIND
    from zdmigrate.run.runs import tell_any
    from zdmigrate.run.topology import read_topology

    if path is None:
        return False
    entry = tell_any(read_topology(path), verb, but=KIND)
    if entry is None:
        return False
    click.echo(f"the {entry.kind} {entry.id} was asked to {verb}; one that does not run now heeds it when resumed")
    return True


class _Running:
    """The unfinished `apply`, a connection to where its journal is, and whether its process is there."""

    def __init__(self, url: str | None, path: Path | None) -> None:
        if url is None and path is None:
            from zdmigrate.config import find_config, load_settings

            url = load_settings(find_config(None)).url
        self._topology, _ = _servers(url, path)

    def __enter__(self) -> tuple[Any, Entry, bool]:
        from zdmigrate.run.progress import find_running
        from zdmigrate.run.servers import Servers

        self._servers = Servers(self._topology)
        connection, entry, alive = find_running(self._topology, self._servers)
        if connection is None or entry is None:
            self._servers.__exit__(None, None, None)
            raise UsageError("no `apply` is unfinished here")
        return connection, entry, alive

    def __exit__(self, *error: Any) -> None:
        self._servers.__exit__(None, None, None)


COMMANDS = (apply, pause, abort)
