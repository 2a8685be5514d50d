"""Reading release.toml: every key is known and of its kind, or the file is refused with the key's name.

`KEYS` is the reference of the file: the reader accepts what it names, and a test keeps docs/release.md the same.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from zdmigrate.errors import UsageError
from zdmigrate.run.release.spec import (
    BALANCER_KINDS,
    START_KINDS,
    STRATEGIES,
    BalancerSpec,
    HooksSpec,
    Limits,
    NodeSpec,
    PhasesSpec,
    ReleaseSpec,
    SmokeTest,
)
from zdsession.errors import ConfigurationError
from zdsession.fleet.registry import checked_node_id

Choice = TypeVar("Choice", bound=str)

_COMMANDS = {"start", "stop", "start_old", "start_kind"}
#: Every key of the file, by table.
KEYS: Mapping[str, frozenset[str]] = {
    "release": frozenset({"strategy", "fleet", "alembic", "topology", "database", "journal"})
    | {item.name for item in fields(Limits)},
    "versions": frozenset({"new", "old"}),
    "phases": frozenset(item.name for item in fields(PhasesSpec)),
    "balancer": frozenset(
        {"kind", "sockets", "backend", "file", "line", "reload", "check", "out", "in", "state", "timeout"}
    ),
    "commands": frozenset(_COMMANDS),
    "node": frozenset({"name", "address", "server", "group", "place"} | _COMMANDS),
    "smoke": frozenset(item.name for item in fields(SmokeTest)),
    "hooks": frozenset(item.name for item in fields(HooksSpec)),
}
#: Which of [balancer] belong to which kind.
BALANCER_KEYS: Mapping[str, frozenset[str]] = {
    "haproxy": frozenset({"sockets", "backend"}),
    "nginx": frozenset({"file", "line", "reload", "check"}),
    "apache": frozenset({"file", "line", "reload", "check"}),
    "command": frozenset({"out", "in", "state", "timeout"}),
}
#: Balancers that call a server by its address.
_LISTED = ("nginx", "apache")
_SERVER = re.compile(r"[\w.:/\[\]-]+")


def read_release(path: Path) -> ReleaseSpec:
    """Read a release file.

    Raises:
        UsageError: for a file that is missing or cannot be parsed, a key nobody knows, a value of the wrong kind, a
            password that stands in the file, or nodes that do not fit the strategy.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the release file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the release file {path} cannot be read: {error}") from error
    return _Reader(path, content).release()


class _Table:
    """One table of the file."""

    def __init__(self, path: Path, name: str, shown: str, content: Any) -> None:
        self._path = path
        self._shown = shown
        if not isinstance(content, dict):
            raise self.error("is not a table")
        self._content: dict[str, Any] = content
        for key in content:
            if key not in KEYS[name]:
                raise self.error(f"has an unknown key {key!r}; known are {', '.join(sorted(KEYS[name]))}")

    def text(self, key: str, default: str | None = None) -> str:
        value = self.maybe(key) or default
        if value is None:
            raise self.error(f'has no {key}; write {key} = "…"')
        return value

    def maybe(self, key: str) -> str | None:
        value = self._content.get(key)
        if value is not None and (not isinstance(value, str) or not value.strip() or "\0" in value):
            raise self.error(f'{key} = {value!r} is no text; write {key} = "…"')
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._content.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise self.error(f'{key} = {value!r} is no list of texts; write {key} = ["…"]')
        return tuple(value)

    def flag(self, key: str, *, default: bool = True) -> bool:
        value = self._content.get(key, default)
        if not isinstance(value, bool):
            raise self.error(f"{key} = {value!r} is neither true nor false")
        return value

    def seconds(self, key: str, default: float, *, least: float = 0.0) -> float:
        value = self._content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= 86_400:
            raise self.error(f"{key} = {value!r} is not a number of seconds from {least:g} to 86400")
        return float(value)

    def choice(self, key: str, choices: tuple[Choice, ...], default: str | None = None) -> Choice:
        value = self.text(key, default)
        for one in choices:
            if value == one:
                return one
        raise self.error(f"{key} = {value!r}; write one of {', '.join(choices)}")

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        value = self._content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.error(f"{key} = {value!r} is not a whole number from {least} to {most}")
        return value

    def names(self, key: str) -> dict[str, str]:
        value = self._content.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise self.error(f'{key} = {value!r} is no table of texts; write {key} = {{ Name = "…" }}')
        return dict(value)

    def given(self) -> dict[str, Any]:
        return dict(self._content)

    def error(self, text: str) -> UsageError:
        return UsageError(f"{self._path}: {self._shown} {text}")


class _Reader:
    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        self._path = path
        for key in content:
            if key not in KEYS:
                raise UsageError(f"{path}: there is no table {key!r} here; known are {', '.join(sorted(KEYS))}")
        self._content = content

    def release(self) -> ReleaseSpec:
        head = self._table("release")
        strategy = head.choice("strategy", STRATEGIES, "rolling")
        versions = self._table("versions")
        new, old = versions.text("new"), versions.maybe("old")
        if strategy == "surge" and new == old:
            raise versions.error("has new = old: with strategy surge, nodes are told apart by their versions")
        alembic, topology, database = head.maybe("alembic"), head.maybe("topology"), head.maybe("database")
        if (alembic is None) != (topology is None and database is None):
            raise head.error("needs alembic together with topology or database, or none of them")
        if topology is not None and database is not None:
            raise head.error("has topology and database, which both say where migrations run; give one of them")
        balancer = self._balancer()
        nodes = self._nodes(strategy, balancer.kind)
        return ReleaseSpec(
            path=self._path,
            strategy=strategy,
            fleet=self._url(head, "fleet"),
            new=new,
            old=old,
            nodes=nodes,
            balancer=balancer,
            journal=self._beside(head.text("journal", ".zdrelease")),
            alembic=None if alembic is None else self._beside(alembic),
            topology=None if topology is None else self._beside(topology),
            database=None if database is None else self._url(head, "database"),
            limits=Limits(
                **{item.name: head.seconds(item.name, getattr(Limits(), item.name)) for item in fields(Limits)}
            ),
            phases=self._phases(alembic is not None),
            smoke=self._smoke(),
            hooks=HooksSpec(**{item.name: self._table("hooks").texts(item.name) for item in fields(HooksSpec)}),
        )

    def _beside(self, text: str) -> Path:
        return self._path.parent / Path(text).expanduser()

    def _url(self, table: _Table, key: str) -> str:
        """A URL whose password is a reference. It is expanded where it is used, so that it is never shown."""
        text = table.text(key)
        for password in re.findall(r"://[^@/:|]*:([^@|]*)@", text):
            if not re.fullmatch(r"\$\{\w+\}", password):
                raise table.error(f"{key}: the password stands in the file; write ${{NAME}} and set it outside")
        return text

    def _nodes(self, strategy: str, balancer: str) -> tuple[NodeSpec, ...]:
        tables = self._content.get("node")
        if not isinstance(tables, list) or not tables:
            raise UsageError(f"{self._path} names no node; write a [[node]] table for each")
        common = self._table("commands")
        nodes = tuple(self._node(item, number, common, balancer) for number, item in enumerate(tables, 1))
        for what, values in (
            ("name", [node.name for node in nodes]),
            ("address", [node.address for node in nodes]),
            ("server", [node.server for node in nodes]),
        ):
            for value, count in Counter(values).items():
                if count > 1:
                    raise UsageError(f"{self._path}: {count} nodes have the {what} {value}")
        self._fits(nodes, strategy)
        return nodes

    def _fits(self, nodes: tuple[NodeSpec, ...], strategy: str) -> None:
        def refuse(text: str) -> UsageError:
            return UsageError(f"{self._path}: strategy {strategy} {text}")

        for node in nodes:
            if (strategy == "groups") != bool(node.group) and (strategy == "groups" or node.group):
                raise refuse(
                    f"wants a group of each node, and {node.name} has none"
                    if not node.group
                    else f"knows no groups, and {node.name} has one"
                )
            if (strategy == "surge") != bool(node.place):
                raise refuse(
                    f"wants a place of each node, and {node.name} has none"
                    if not node.place
                    else f"knows no places, and {node.name} has one"
                )
        if strategy == "rolling" and len(nodes) < 2:
            raise refuse("needs two nodes or more: with one, nobody would serve while it is changed; see surge")
        if strategy == "groups" and len({node.group for node in nodes}) < 2:
            raise refuse("needs two groups or more: with one, nobody would serve while it is changed")
        if strategy == "surge":
            for place, count in Counter(node.place for node in nodes).items():
                if count != 2:
                    raise refuse(f"needs two nodes at each place, and {place} has {count}")

    def _node(self, content: Any, number: int, common: _Table, balancer: str) -> NodeSpec:
        table = _Table(self._path, "node", f"node {number}", content)
        try:
            name = checked_node_id(table.text("name"))
        except ConfigurationError as error:
            raise table.error(f"name: {error}") from error
        table = _Table(self._path, "node", f"node {name}", content)

        def command(key: str) -> str | None:
            return table.maybe(key) or common.maybe(key)

        kind = (table if table.maybe("start_kind") else common).choice("start_kind", START_KINDS, "command")
        start, stop = command("start"), command("stop")
        if start is None:
            raise table.error('has no start, nor has [commands]; write start = "…"')
        if stop is None and kind == "command":
            raise table.error('has no stop, nor has [commands]; write stop = "…"')
        address = self._address(table)
        server = table.text("server", address.partition("://")[2] if balancer in _LISTED else name)
        if not _SERVER.fullmatch(server):
            raise table.error(f"server = {server!r} is no name of a balancer's")
        return NodeSpec(
            name, address, server, start, stop, command("start_old") or start, kind,
            table.text("group", "") if table.maybe("group") else "",
            table.text("place", "") if table.maybe("place") else "",
        )  # fmt: skip

    def _address(self, table: _Table) -> str:
        text = table.text("address")
        address = (text if "://" in text else f"http://{text}").rstrip("/")
        try:
            parts = urlsplit(address)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable or parts.path or parts.query or parts.username or re.search(r"\s|[\"';{}]", address):
            raise table.error(f"address = {text!r} is not host:port, nor http(s)://host:port")
        return address

    def _balancer(self) -> BalancerSpec:
        if "balancer" not in self._content:
            raise UsageError(f'{self._path} has no [balancer]; write kind = "…": {", ".join(BALANCER_KINDS)}')
        table = self._table("balancer")
        kind = table.choice("kind", BALANCER_KINDS)
        options = {key: value for key, value in table.given().items() if key != "kind"}
        for key in options:
            if key not in BALANCER_KEYS[kind]:
                known = ", ".join(sorted(BALANCER_KEYS[kind]))
                raise table.error(f"has {key!r}, which is not for kind {kind}; its keys are {known}")
        if kind == "haproxy":
            if not table.texts("sockets"):
                raise table.error('has no sockets; write sockets = ["/run/haproxy/admin.sock"]')
            table.text("backend")
        elif kind == "command":
            for key in ("out", "in", "state"):
                table.text(key)
            table.seconds("timeout", 60.0, least=1.0)
        else:
            options["file"] = str(self._beside(table.text("file")))
            table.text("reload")
            table.maybe("check")
            if "{server}" not in table.text("line", "{server}"):
                raise table.error("line has no {server} where the node's server goes")
        return BalancerSpec(kind, options)

    def _phases(self, migrations: bool) -> PhasesSpec:
        table = self._table("phases")
        flags = {name: table.flag(name, default=migrations) for name in ("expand", "migrate", "contract")}
        if any(flags.values()) and not migrations:
            wanted = next(name for name, on in flags.items() if on)
            raise table.error(f"has {wanted} = true, but [release] has no alembic")
        return PhasesSpec(
            **flags,
            backfill=table.texts("backfill"),
            expand_options=table.texts("expand_options"),
            migrate_options=table.texts("migrate_options"),
            contract_options=table.texts("contract_options"),
        )

    def _smoke(self) -> tuple[SmokeTest, ...]:
        tables = self._content.get("smoke", [])
        if not isinstance(tables, list):
            raise UsageError(f"{self._path}: smoke is no list of tables; write [[smoke]]")
        found = []
        for number, content in enumerate(tables, 1):
            table = _Table(self._path, "smoke", f"smoke test {number}", content)
            command = table.maybe("command") or ""
            if command and set(content) - {"command", "undo"}:
                raise table.error("has a command, which takes no other key but undo")
            path = table.text("path", "/-/ready")
            if not path.startswith("/") or not path.isprintable() or " " in path:
                raise table.error(f"path = {path!r} is no path; write one that begins with /")
            found.append(
                SmokeTest(
                    path, table.whole("status", 200, 100, 599), table.maybe("contains") or "", table.names("headers"),
                    table.seconds("timeout", 10.0, least=0.1), table.flag("undo"), command,
                )
            )  # fmt: skip
        return tuple(found) or (SmokeTest(),)

    def _table(self, name: str) -> _Table:
        return _Table(self._path, name, f"[{name}]", self._content.get(name, {}))
