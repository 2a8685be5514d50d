"""The commands that act on live servers: parse, call `zdmigrate.run`, print."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zdmigrate.cli_report import both, given, report_option, reported

if TYPE_CHECKING:
    from zdmigrate.run.policy import Policy
    from zdmigrate.run.runs import Preflight
    from zdmigrate.run.state import Server
    from zdmigrate.run.steps import Timing
    from zdmigrate.run.topology import Topology

_topology = click.option(
    "--topology",
    "topology_path",
    type=click.Path(path_type=Path),
    default=Path("topology.toml"),
    show_default=True,
    help="Which servers there are and how they replicate.",
)


def policy_options(command: Any) -> Any:
    """Options of whatever may move the primary."""
    options = [
        click.option("--max-lag", type=float, metavar="S", help="Refuse a replica further behind than this (5)."),
        click.option(
            "--catch-up", type=float, metavar="S", help="Wait so long for the replica before the freeze (60)."
        ),
        click.option("--freeze-cap", type=float, metavar="S", help="Writes are blocked for at most so long (5)."),
        click.option("--freeze-wait", type=int, metavar="S", help="Wait so long for writes that run right now (1)."),
        click.option("--long-transaction", type=float, metavar="S", help="From this age one is in the way (1)."),
        click.option(
            "--blockers",
            type=click.Choice(["wait", "kill", "abort"]),
            help="What to do with long transactions: wait for them (the default), end them, or give up.",
        ),
        click.option("--blockers-wait", type=float, metavar="S", help="How long `wait` waits (30)."),
        click.option("--accept", multiple=True, metavar="NAME", help="Accept that this setting differs (repeatable)."),
        click.option("--ha-paused", is_flag=True, help="Other failover managers (orchestrator, MaxScale) are paused."),
        click.option("--keep-sessions", is_flag=True, help="Do not end client sessions on the old primary."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def policy_from(options: dict[str, Any]) -> Policy:
    """The policy those options make."""
    from dataclasses import replace

    from zdmigrate.run.policy import Policy

    given = {name: value for name, value in options.items() if value is not None}
    keep = given.pop("keep_sessions")
    accept = frozenset(given.pop("accept"))
    policy = replace(Policy(), **given, accept=accept, end_sessions=not keep)
    return replace(policy, lease=policy.freeze_cap)


def _read(path: Path) -> Topology:
    from zdmigrate.run.topology import read_topology

    return read_topology(path)


def _told(timing: Timing) -> None:
    mark = {"done": " ok ", "failed": "FAIL", "undone": "undo"}.get(timing.outcome, "FAIL")
    click.echo(f"  {mark}  {timing.name:<18} {timing.seconds * 1000:9.1f} ms  {timing.detail}")


@click.command()
@_topology
@click.option("--to", required=True, metavar="NODE", help="The replica that becomes primary.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Run every check and print every statement; change nothing.")
@click.option("--hold-before", default="", metavar="STEP", help="Pause there (catch-up) until `zdmigrate resume`.")
@click.option("--then-switch-back", is_flag=True, help="When all is done, move the primary back to where it was.")
@report_option
@policy_options
@click.pass_context
def switchover(
    ctx: click.Context,
    /,
    topology_path: Path,
    to: str,
    yes: bool,
    dry_run: bool,
    hold_before: str,
    then_switch_back: bool,
    report_folder: Path | None,
    **options: Any,
) -> None:
    """Make a replica the primary: writes pause for a moment, none is lost."""
    from zdmigrate.run import runs
    from zdmigrate.run.acceptance import check_accepted
    from zdmigrate.run.recorder import Recorder
    from zdmigrate.run.rehearsal import rehearse
    from zdmigrate.run.servers import Servers
    from zdmigrate.run.switchover import KIND

    topology, policy = _read(topology_path), policy_from(options)
    check_accepted(policy.accept)
    node = topology.node(to)
    with Servers(topology) as servers:
        checked = runs.preflight(topology, servers, node, policy)
        _show(checked)
        if dry_run:
            old = topology.node(checked.roles.primary.name)
            for name, statement in rehearse(topology, servers, old, node, policy, runs.intent_of(checked)):
                click.echo(f"  {name:<12} {statement}")
            return
    if not yes:
        click.confirm(f"Move the primary from {checked.roles.primary.name} to {to}?", abort=True)
    recorder = Recorder(KIND, topology, shlex.join(["zdmigrate", "switchover", *given(ctx)]), new=to)
    recorder.accepted = dict.fromkeys(sorted(policy.accept), "")
    listener = both(recorder.step, _told)

    def began(run_id: str) -> None:
        recorder.begin(run_id)
        click.echo(f"run {run_id}" + (f", which pauses before {hold_before}" if hold_before else ""))

    with reported(recorder, report_folder):
        result = runs.switch(topology, to, policy, listener=listener, hold_before=hold_before, began=began)
        click.echo(f"{result.new} is the primary; writes were blocked for {result.blocked_ms:.1f} ms.")
        if then_switch_back:
            result = runs.switch_back(topology, result, policy, listener=listener)
            click.echo(f"{result.new} is the primary again; writes were blocked for {result.blocked_ms:.1f} ms.")
        recorder.todo = tuple(result.todo)
        recorder.figures = {"sessions ended": result.ended_sessions, "position at the freeze": result.position}
        recorder.exit_code = 5 if result.todo else 0
    ctx.exit(_todo(result.todo))


def _show(checked: Preflight) -> None:
    primary = checked.roles.primary
    click.echo(f"primary   {primary.name}  {primary.flavour}")
    for replica in checked.roles.replicas:
        lag = replica.replica.lag if replica.replica else None
        click.echo(f"replica   {replica.name}  {replica.flavour}  {lag} s behind")


def _todo(todo: list[str]) -> int:
    for item in todo:
        click.echo(f"zdmigrate: left for you: {item}", err=True)
    return 5 if todo else 0


_single = click.option("--url", help="One server with its database, for runs of `apply --url`.")


@click.command()
@_topology
@_single
@click.pass_context
def status(ctx: click.Context, /, topology_path: Path, url: str | None) -> None:
    """Show who is primary, who follows, who is frozen or held, and the runs that did not end.

    Exits 3 when a node does not answer: what is shown is then not all.
    """
    from dataclasses import replace

    from zdmigrate.errors import ZdmigrateError
    from zdmigrate.run import runs
    from zdmigrate.run.progress import group_progress, progress
    from zdmigrate.run.servers import Servers

    topology = _read(topology_path) if url is None else _one(url)
    answering = []
    with Servers(topology) as servers:
        for node in topology.nodes:
            try:
                if url is None:
                    click.echo(f"{node.name:<12} {_shown(servers.observe(node))}")
                else:
                    servers.at(node)
            except ZdmigrateError as error:
                click.echo(f"{node.name:<12} {error}")
            else:
                answering.append(node)
    unknown = len(answering) < len(topology.nodes)
    topology = replace(topology, nodes=tuple(answering))  # the rest was waited for once
    for entry in runs.history_of(topology)[:10]:
        click.echo(f"run {entry.id}  {entry.kind}  {entry.state}  {entry.age:.0f} s ago  {entry.owner}")
    with Servers(topology) as servers:
        for line in (*progress(topology, servers), *group_progress(topology, servers)):
            click.echo(line)
    if unknown:
        ctx.exit(3)


def _shown(server: Server) -> str:
    follows = "follows nobody"
    if server.replica is not None:
        state = "held" if server.replica.held else f"{server.replica.lag} s behind"
        running = "" if server.replica.io_running else ", not connected"
        follows = f"follows {server.replica.source_host}:{server.replica.source_port} ({state}{running})"
    return f"{server.flavour}  {server.writable.shown}  {follows}"


def _one(url: str) -> Topology:
    from zdmigrate.run.topology import single_server

    return single_server(url)


@click.command()
@_topology
@_single
@click.option("--off", multiple=True, metavar="NODE", help="This node is switched off and stays so: go on without it.")
@report_option
@policy_options
@click.pass_context
def resume(
    ctx: click.Context,
    /,
    topology_path: Path,
    url: str | None,
    off: tuple[str, ...],
    report_folder: Path | None,
    **options: Any,
) -> None:
    """Let a paused run go on, or bring one that stopped to an end."""
    from zdmigrate.run import runs
    from zdmigrate.run.acceptance import check_accepted
    from zdmigrate.run.progress import resume_apply
    from zdmigrate.run.recorder import Recorder

    said = resume_apply(_read(topology_path) if url is None else _one(url))
    if said:
        click.echo(said)
        return
    if url is not None:
        click.echo("no run is unfinished")
        return
    topology = _read(topology_path)
    if said := runs.go_on(topology):
        click.echo(said)
        return
    policy = policy_from(options)
    check_accepted(policy.accept, of_changes=True)
    recorder = Recorder("resume", topology, shlex.join(["zdmigrate", "resume", *given(ctx)]))
    recorder.accepted = dict.fromkeys(sorted(policy.accept), "")
    with reported(recorder, report_folder):
        entry, result = runs.resume(
            topology, policy, listener=both(recorder.step, _told), off=off,
            began=lambda entry: recorder.begin(entry.id, continued=True, kind=entry.kind),
        )  # fmt: skip
        if result is not None:
            recorder.todo = tuple(result.todo)
            recorder.exit_code = 5 if result.todo else 0
    if entry is None or result is None:
        click.echo("no run is unfinished")
        return
    click.echo(f"{entry.kind} {entry.id} is done; {result.new} is the primary.")
    code = _todo(result.todo)
    resume_apply(topology)  # the `apply` it was a part of goes on by a command of its own; this says which
    ctx.exit(code)


COMMANDS = (switchover, status, resume)
