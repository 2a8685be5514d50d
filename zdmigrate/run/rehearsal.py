"""What a switchover would send, and to whom: the dialects' own methods, on a connection that only listens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from zdmigrate.run.connection import Connection, Row
from zdmigrate.run.flavours import Dialect, Source
from zdmigrate.run.policy import Policy
from zdmigrate.run.servers import Servers
from zdmigrate.run.topology import Node, Topology


class _Listener:
    """Keeps the statements that change something; answers nothing."""

    id = 0

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self.heard: list[str] = []

    def run(self, sql: str, args: Sequence[Any] = ()) -> int:
        shown = tuple("'***'" if value == self._secret else repr(str(value)) for value in args)
        self.heard.append(sql % shown if args else sql)
        return 0

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        return [{"ro": 1, "super_ro": 1, "clock": datetime.now(UTC).replace(tzinfo=None)}]

    def value(self, sql: str, args: Sequence[Any] = ()) -> Any:
        return 0


def rehearse(
    topology: Topology, servers: Servers, old: Node, new: Node, policy: Policy, intent: Mapping[str, Any] | None = None
) -> list[tuple[str, str]]:
    """(node, statement) in the order a switchover sends them; `intent` as `runs.intent_of` makes it."""
    events: Sequence[str] = (intent or {}).get("events", ())
    semi_sync = (intent or {}).get("semi_sync")
    said: list[tuple[str, str]] = []

    def would(node: Node, act: Callable[[Dialect, Connection], object]) -> None:
        listener = _Listener(topology.account.password)
        _, dialect = servers.at(node)
        act(dialect, cast(Connection, listener))
        said.extend((node.name, statement) for statement in listener.heard)

    def follow(source: Source, *, demoted: bool) -> Callable[[Dialect, Connection], object]:
        return lambda dialect, connection: dialect.follow(connection, source, demoted=demoted)

    deadline = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=policy.lease)
    would(old, lambda dialect, connection: dialect.persist(connection, writable=False))
    would(old, lambda dialect, connection: dialect.freeze(connection))
    would(new, lambda dialect, connection: dialect.promote(connection, deadline))
    would(new, lambda dialect, connection: dialect.forget_source(connection))
    for event in events:
        _, dialect = servers.at(new)
        said.append((new.name, dialect.event_statement(event, "ENABLE")))
    would(old, lambda dialect, connection: dialect.fence(connection))
    if events:
        would(old, lambda dialect, connection: dialect.event_scheduler(connection, running=False))
    if policy.end_sessions:
        connection, dialect = servers.at(old)
        ours = servers.ids(old)
        said.extend((old.name, f"KILL {item.id}") for item in dialect.sessions(connection) if item.id not in ours)
    would(old, lambda dialect, connection: dialect.let_go(connection))
    if semi_sync:
        would(old, lambda dialect, connection: dialect.set_semi_sync(connection, semi_sync, source=False))
    would(old, follow(servers.source(new), demoted=True))
    for node in topology.nodes:
        if node not in (old, new):
            would(node, follow(servers.source(new), demoted=False))
    if semi_sync:
        would(new, lambda dialect, connection: dialect.set_semi_sync(connection, semi_sync, source=True))
    if events:
        would(old, lambda dialect, connection: dialect.event_scheduler(connection, running=True))
    would(new, lambda dialect, connection: dialect.persist(connection, writable=True))
    return said
