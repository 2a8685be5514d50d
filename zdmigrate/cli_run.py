"""The commands that act on live servers: parse, call `zdmigrate.run`, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from zdmigrate.run.policy import Policy
    from zdmigrate.run.runs import Preflight
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
@policy_options
@click.pass_context
def switchover(
    ctx: click.Context, /, topology_path: Path, to: str, yes: bool, dry_run: bool, hold_before: str, **options: Any
) -> None:
    """Make a replica the primary: writes pause for a moment, none is lost."""
    from zdmigrate.run import runs
    from zdmigrate.run.rehearsal import rehearse
    from zdmigrate.run.servers import Servers

    topology, policy = _read(topology_path), policy_from(options)
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
    result = runs.switch(
        topology, to, policy, listener=_told, hold_before=hold_before,
        began=lambda run: click.echo(f"run {run}" + (f", which pauses before {hold_before}" if hold_before else "")),
    )  # fmt: skip
    click.echo(f"{result.new} is the primary; writes were blocked for {result.blocked_ms:.1f} ms.")
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
def status(topology_path: Path, url: str | None) -> None:
    """Show who is primary, who follows, who is frozen or held, and the runs that did not end."""
    from zdmigrate.errors import ZdmigrateError
    from zdmigrate.run import runs
    from zdmigrate.run.progress import progress
    from zdmigrate.run.servers import Servers

    topology = _read(topology_path) if url is None else _one(url)
    with Servers(topology) as servers:
        for node in topology.nodes if url is None else ():
            try:
                server = servers.observe(node)
            except ZdmigrateError as error:
                click.echo(f"{node.name:<12} {error}")
                continue
            follows = "follows nobody"
            if server.replica is not None:
                state = "held" if server.replica.held else f"{server.replica.lag} s behind"
                running = "" if server.replica.io_running else ", not connected"
                follows = f"follows {server.replica.source_host}:{server.replica.source_port} ({state}{running})"
            click.echo(f"{node.name:<12} {server.flavour}  {server.writable.shown}  {follows}")
    for entry in runs.history_of(topology)[:10]:
        click.echo(f"run {entry.id}  {entry.kind}  {entry.state}  {entry.age:.0f} s ago  {entry.owner}")
    with Servers(topology) as servers:
        for line in progress(topology, servers):
            click.echo(line)


def _one(url: str) -> Topology:
    from zdmigrate.run.topology import single_server

    return single_server(url)


@click.command()
@_topology
@_single
@click.option("--off", multiple=True, metavar="NODE", help="This node is switched off and stays so: go on without it.")
@policy_options
@click.pass_context
def resume(ctx: click.Context, /, topology_path: Path, url: str | None, off: tuple[str, ...], **options: Any) -> None:
    """Let a paused run go on, or bring one that stopped to an end."""
    from zdmigrate.run import runs
    from zdmigrate.run.progress import resume_apply

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
    entry, result = runs.resume(topology, policy_from(options), listener=_told, off=off)
    if entry is None or result is None:
        click.echo("no run is unfinished")
        return
    click.echo(f"{entry.kind} {entry.id} is done; {result.new} is the primary.")
    ctx.exit(_todo(result.todo))


COMMANDS = (switchover, status, resume)
