"""The topology file: which servers there are, how they replicate, who steers clients.

    [[node]]
    name = "db1"
    url = "mysql+pymysql://admin:${DB_PASSWORD}@db1:3306/shop"
    replication_host = "10.0.0.1"        # where the other servers reach it (default: the URL's host and port)

    [replication]
    user = "repl"
    password = "${REPL_PASSWORD}"

    [traffic]
    kind = "none"

Passwords are `${NAME}` references to the environment, or come from a MySQL option file (`option_file = …`).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from zdmigrate.config import expand_variables
from zdmigrate.errors import UsageError

TrafficKind = Literal["none", "haproxy", "proxysql", "command", "fleet"]
_TRAFFIC_KINDS = ("none", "haproxy", "proxysql", "command", "fleet")
_NODE_KEYS = {"name", "url", "option_file", "replication_host", "replication_port", "set_read_only"}
_REPLICATION_KEYS = {"user", "password", "tls"}


@dataclass(frozen=True, slots=True)
class Node:
    """One server.

    Attributes:
        name: what commands and reports call it.
        url: how this tool reaches it; shown only with the password hidden.
        option_file: MySQL option file whose [client] section has user and password, or None.
        replication_host, replication_port: where the other servers reach it.
        set_read_only: a command that makes read_only permanent in the server's own configuration; `{value}` in it
            becomes 0 or 1. For MariaDB, which has no SET PERSIST.
    """

    name: str
    url: URL = field(repr=False)
    replication_host: str
    replication_port: int
    option_file: Path | None = None
    set_read_only: str | None = None

    @property
    def shown(self) -> str:
        """Name and URL for people, without the password."""
        return f"{self.name} ({self.url.render_as_string(hide_password=True)})"


@dataclass(frozen=True, slots=True)
class Account:
    """The replication account every node accepts."""

    user: str
    password: str = field(repr=False)
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Traffic:
    """Who steers clients, with that kind's own keys."""

    kind: TrafficKind = "none"
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything the file says. Which node is primary is never written down: the servers are asked."""

    nodes: tuple[Node, ...]
    account: Account
    traffic: Traffic = Traffic()
    path: str = "topology.toml"

    def node(self, name: str) -> Node:
        """The node of that name.

        Raises:
            UsageError: when there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise UsageError(f"{self.path} has no node {name!r}; it has {known}")


def read_topology(path: Path, environ: Mapping[str, str] = os.environ) -> Topology:
    """Read a topology file.

    Raises:
        UsageError: for a file that is missing or cannot be parsed, a key nobody knows, a value of the wrong kind,
            two nodes with one name or one address, or a password that stands in the file.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the topology file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the topology file {path} cannot be read: {error}") from error
    return _Reader(str(path), environ).topology(content)


def single_server(url: str, environ: Mapping[str, str] = os.environ) -> Topology:
    """One server as a topology of one node, for a run that needs no other.

    Raises:
        UsageError: when it is no URL of a database on MySQL or MariaDB.
    """
    try:
        parsed = make_url(expand_variables(url, environ))
    except (ArgumentError, ValueError) as error:
        raise UsageError("--url is not a database URL; write mysql+pymysql://user@host:3306/database") from error
    if parsed.get_backend_name() not in ("mysql", "mariadb") or not parsed.database:
        shown = parsed.render_as_string(hide_password=True)
        raise UsageError(f"--url {shown} is no database; write mysql+pymysql://user@host:3306/database")
    host, port = parsed.host or "localhost", parsed.port or 3306
    return Topology((Node("server", parsed, host, port),), Account("", ""), path="--url")


class _Reader:
    def __init__(self, path: str, environ: Mapping[str, str]) -> None:
        self._path = path
        self._environ = environ

    def topology(self, content: Mapping[str, Any]) -> Topology:
        self._only(content, {"node", "replication", "traffic"}, "the file")
        tables = content.get("node")
        if not isinstance(tables, list) or not tables or not all(isinstance(item, dict) for item in tables):
            raise self._error("names no node; write a [[node]] table for each server")
        nodes = tuple(self._node(table) for table in tables)
        self._apart([node.name for node in nodes], "name")
        self._apart([f"{node.url.host}:{node.url.port or 3306}" for node in nodes], "address")
        return Topology(nodes, self._account(content), self._traffic(content), self._path)

    def _node(self, table: Mapping[str, Any]) -> Node:
        name = self._text(table, "name", "a [[node]]")
        where = f"node {name}"
        self._only(table, _NODE_KEYS, where)
        url = self._url(self._text(table, "url", where), where)
        port = table.get("replication_port", url.port or 3306)
        if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
            raise self._error(f"{where}: replication_port = {port!r} is not a port")
        option_file = table.get("option_file")
        host = table.get("replication_host", url.host or "")
        if not isinstance(host, str) or not host:
            raise self._error(f"{where}: replication_host is not a host name")
        hook = table.get("set_read_only")
        if hook is not None and (not isinstance(hook, str) or "{value}" not in hook):
            raise self._error(f"{where}: set_read_only is a command with {{value}} where 0 or 1 goes")
        return Node(name, url, host, port, Path(option_file).expanduser() if option_file else None, hook)

    def _url(self, text: str, where: str) -> URL:
        password = re.search(r"://[^@/:]*:(.*)@", text)
        if password and not re.fullmatch(r"\$\{\w+\}", password[1]):
            raise self._error(
                f"{where}: the password stands in the file; write ${{NAME}} and set it in the environment"
            )
        try:
            url = make_url(expand_variables(text, self._environ))
        except (ArgumentError, ValueError) as error:
            raise self._error(f"{where}: url is not a URL; write mysql+pymysql://user@host:3306/database") from error
        if url.get_backend_name() not in ("mysql", "mariadb") or not url.host:
            raise self._error(f"{where}: url is not MySQL or MariaDB; write mysql+pymysql://user@host:3306/database")
        return url

    def _account(self, content: Mapping[str, Any]) -> Account:
        table = content.get("replication", {})
        if not isinstance(table, dict):
            raise self._error("[replication] is not a table")
        self._only(table, _REPLICATION_KEYS, "[replication]")
        password = self._text(table, "password", "[replication]")
        if not re.fullmatch(r"\$\{\w+\}", password):
            raise self._error("[replication]: the password stands in the file; write ${NAME} and set it outside")
        tls = table.get("tls", False)
        if not isinstance(tls, bool):
            raise self._error(f"[replication]: tls = {tls!r} is neither true nor false")
        return Account(self._text(table, "user", "[replication]"), expand_variables(password, self._environ), tls)

    def _traffic(self, content: Mapping[str, Any]) -> Traffic:
        table = content.get("traffic", {})
        if not isinstance(table, dict):
            raise self._error("[traffic] is not a table")
        kind = table.get("kind", "none")
        if kind not in _TRAFFIC_KINDS:
            raise self._error(f"[traffic]: kind = {kind!r}; write one of {', '.join(_TRAFFIC_KINDS)}")
        options = {name: self._expanded(value) for name, value in table.items() if name != "kind"}
        return Traffic(kind, options)

    def _expanded(self, value: Any) -> Any:
        if isinstance(value, str):
            return expand_variables(value, self._environ)
        if isinstance(value, dict):
            return {name: self._expanded(item) for name, item in value.items()}
        return [self._expanded(item) for item in value] if isinstance(value, list) else value

    def _text(self, table: Mapping[str, Any], key: str, where: str) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value:
            raise self._error(f"{where} has no {key}")
        return value

    def _only(self, table: Mapping[str, Any], known: set[str], where: str) -> None:
        for key in table:
            if key not in known:
                raise self._error(f"{where} has an unknown key {key!r}; known are {', '.join(sorted(known))}")

    def _apart(self, values: list[str], what: str) -> None:
        for value in values:
            if values.count(value) > 1:
                raise self._error(f"two nodes have the {what} {value}")

    def _error(self, text: str) -> UsageError:
        return UsageError(f"{self._path}: {text}")
