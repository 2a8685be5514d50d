"""``zdsession nodes | drain | undrain | forget | barriers``: the fleet, from a shell."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from zdsession.clock import now_ms
from zdsession.errors import ConfigurationError, StoreUnavailableError
from zdsession.fleet.model import DrainOrder, Node, Policy, Process, State, not_drained_yet
from zdsession.fleet.registry import Registry, checked_node_id
from zdsession.stores import open_store, safe_url

#: Seconds an operation may take: nobody waits for a page.
_BUDGET = 5.0
_POLL = 0.25
_store_option = click.option(
    "--store",
    "url",
    envvar="ZDSESSION_STORE",
    required=True,
    help="URL of the store. Prefer the environment variable: others can read a command line.",
    show_envvar=True,
)


@click.command()
@_store_option
@click.option("--json", "as_json", is_flag=True, help="Everything that is known, as JSON.")
@click.option("--all", "everything", is_flag=True, help="Nodes too that said goodbye within a week.")
def nodes(url: str, as_json: bool, everything: bool) -> None:
    """List the nodes of the fleet. A node that is silent but said no goodbye is listed as lost."""
    with _registry(url) as registry:
        found = registry.nodes()
    now = now_ms()
    shown = [node for node in found if everything or node.state(now) is not State.GONE]
    if as_json:
        listed = [_as_json(node, now) for node in shown]
        click.echo(msgspec.json.format(msgspec.json.encode({"schema_version": 1, "nodes": listed}), indent=2))
        return
    rows = [("NODE", "STATE", "VERSION", "PROCESSES", "IN FLIGHT", "SEEN", "")]
    rows += [_row(node, now) for node in shown]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows if shown else ():
        line = "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[6]])
        click.echo(line.rstrip())
    click.echo(f"{len(shown)} node{'' if len(shown) == 1 else 's'}")


@click.command()
@_store_option
@click.argument("node")
@click.option("--min", "least", default=5.0, show_default=True, type=click.FloatRange(0), help="Drain so many seconds.")
@click.option("--quiet", default=3.0, show_default=True, type=click.FloatRange(0), help="Seconds without a request.")
@click.option("--max", "most", default=60.0, show_default=True, type=click.FloatRange(0), help="Give up after so many.")
@click.option(
    "--new-sessions",
    type=click.Choice(["allow", "defer"]),
    default="allow",
    show_default=True,
    help="defer: ask visitors without a session to come back in a moment.",
)
@click.option("--retry-after", default=5, show_default=True, type=click.IntRange(1), help="Seconds they are told.")
@click.option("--no-wait", is_flag=True, help="Only say so, and do not wait.")
def drain(
    url: str, node: str, least: float, quiet: float, most: float, new_sessions: Policy, retry_after: int, no_wait: bool
) -> None:
    """Take NODE out of the load balancer, and wait until it has nothing left to do. Then stop it.

    Its health check turns 503 and it goes on serving until no request has come for --quiet seconds, none is in flight
    and nothing is busy, and at least for --min seconds: longer than the balancer takes to see a failed check.

    Exit code 0: drained, or gone. 1: not within --max seconds; it goes on draining.
    """
    order = DrainOrder(secrets.token_hex(8), round(least * 1000), round(quiet * 1000), new_sessions, retry_after)
    until = time.monotonic() + most
    with _registry(url) as registry:
        found = _known(registry, node)
        if found.state(now_ms()) is State.GONE:
            click.echo(f"{node} is gone: nothing to drain")
            return
        registry.order_drain(node, order)
        if no_wait:
            click.echo(f"{node} was told to drain")
            return
        reasons = _wait(lambda: _left(registry, node, order), until)
    if reasons:
        raise click.ClickException(f"{node} has not drained within {most:g} s: {'; '.join(reasons)}")
    click.echo(f"{node} drained")


@click.command()
@_store_option
@click.argument("node")
def undrain(url: str, node: str) -> None:
    """Let NODE stay after all: its health check turns 200 again with its next heartbeat."""
    with _registry(url) as registry:
        found = _known(registry, node)
        registry.end_drain(node)
    click.echo(f"{node} was told to stay" if found.order is not None else f"{node} had no order to drain")


@click.command()
@_store_option
@click.argument("node")
@click.option("--force", is_flag=True, help="Also one whose heartbeats arrive. It comes back with the next.")
def forget(url: str, node: str, force: bool) -> None:
    """Strike NODE from the list because you know that it has ended: nobody can tell that from its silence."""
    with _registry(url) as registry:
        found = _known(registry, node)
        if found.live(now_ms()) and not force:
            raise click.ClickException(f"{node} is alive, its heartbeats arrive: stop it, or say --force")
        registry.forget(node)
    click.echo(f"forgot {node}")


@click.command()
@_store_option
@click.option("--lift", metavar="NAME", help="Take this one down: what it names is there again, or was never removed.")
def barriers(url: str, lift: str | None) -> None:
    """List the barriers: what contracts removed, so that code that maps it does not become ready."""
    with _registry(url) as registry:
        found = registry.barriers()
        if lift is not None:
            if all(barrier.name != lift for barrier in found):
                names = ", ".join(barrier.name for barrier in found) or "none"
                raise click.ClickException(f"no barrier {lift}; there are: {names}")
            registry.lift_barrier(lift)
            click.echo(f"lifted {lift}")
            return
    for barrier in found:
        since = datetime.fromtimestamp(barrier.at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        refused = [f"{len(barrier.refused)} manifest(s) judged to break"] if barrier.refused else []
        click.echo(f"{barrier.name}  since {since}  {', '.join([*map(str, barrier.gone), *refused])}")
    click.echo(f"{len(found)} barrier{'' if len(found) == 1 else 's'}")


@contextlib.contextmanager
def _registry(url: str) -> Iterator[Registry]:
    """The fleet in a store; its errors as the one line a shell wants, without the URL's password."""
    options: dict[str, Any] = {} if url.startswith("memory:") else {"budget": _BUDGET}
    try:
        store = open_store(url, **options)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    try:
        yield Registry(store)
    except StoreUnavailableError as error:
        raise click.ClickException(f"{safe_url(url)}: {error}") from None
    finally:
        store.close()


def _known(registry: Registry, node: str) -> Node:
    try:
        found = registry.node(checked_node_id(node))
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    if found is None:
        names = ", ".join(one.id for one in registry.nodes() if one.processes) or "none"
        raise click.ClickException(f"no node {node}; there are: {names}")
    return found


def _left(registry: Registry, node: str, order: DrainOrder) -> list[str]:
    """What a draining node still has to wait for; empty also when it is gone."""
    found = registry.node(node)
    if found is None:
        return []
    if found.processes and found.order is not None and found.order.id != order.id:
        raise click.ClickException(f"somebody else told {node} to drain meanwhile, and may be waiting for it")
    if found.processes and found.order is None:
        raise click.ClickException(f"{node} is not draining any more: it was told to stay, or was started anew")
    return not_drained_yet(found, order, now_ms())


def _wait(left: Callable[[], list[str]], until: float) -> list[str]:
    """Ask again and again, also over an outage of the store, until nothing is left or time is up."""
    while True:
        try:
            reasons = left()
        except StoreUnavailableError as error:
            reasons = [f"the session store is out: {error}"]
        if not reasons or time.monotonic() >= until:
            return reasons
        time.sleep(_POLL)


def _row(node: Node, now: int) -> tuple[str, str, str, str, str, str, str]:
    live = node.live(now)
    versions = ", ".join(sorted({process.version for process in node.processes})) or "-"
    lost = len(node.processes) - len(live)
    count = f"{len(live)}" + (f" ({lost} lost)" if lost else "")
    seen = max((process.beat for process in node.processes), default=None)
    age = "-" if seen is None else f"{max(0, now - seen) / 1000:.0f} s ago"
    return node.id, node.state(now).value, versions, count, str(node.in_flight(now)), age, _remark(node, now)


def _remark(node: Node, now: int) -> str:
    if node.unknown:
        return "part of what it wrote is missing or damaged"
    reasons = dict.fromkeys(reason for process in node.live(now) for reason in _concerns(process))
    return "; ".join(reasons)


def _concerns(process: Process) -> list[str]:
    busy = [f"busy: {what}" for what in process.busy]
    return [*(process.waiting_for if process.state is State.STARTING else ()), *busy]


def _as_json(node: Node, now: int) -> dict[str, Any]:
    listed = [
        {**msgspec.to_builtins(msgspec.structs.replace(one, state=one.state_at(now))), **_always(one)}
        for one in node.processes
    ]
    return {
        "id": node.id,
        "state": node.state(now).value,
        "in_flight": node.in_flight(now),
        "order": None if node.order is None else msgspec.to_builtins(node.order),
        "incomplete": node.unknown,
        "processes": listed,
    }


def _always(process: Process) -> dict[str, Any]:
    """Fields that `omit_defaults` leaves out of what is stored, and a reader of JSON expects."""
    return {name: msgspec.to_builtins(getattr(process, name)) for name in process.__struct_fields__ if name != "state"}
