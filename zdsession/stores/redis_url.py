"""Where a store URL leads: one Redis, Sentinels that know the primary, or the nodes of a cluster.

    redis://[user:password@]host[:6379][/database][?option=value]
    redis+sentinel://[user:password@]host[:26379],host…/service[/database]
    redis+cluster://[user:password@]host[:6379],host…

``rediss`` instead of ``redis`` encrypts every connection.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from zdsession.errors import ConfigurationError

_KINDS = ("", "sentinel", "cluster")
_PORTS = {"": 6379, "sentinel": 26379, "cluster": 6379}
_TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
_OPTIONS = ("client_name", "sentinel_username", "sentinel_password", *_TLS_OPTIONS)


@dataclass(frozen=True)
class Address:
    """Host and port of a server."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Access:
    """What it takes to be let in.

    Attributes:
        user: of an ACL; with a password alone it is Redis' user ``default``.
        password: its password; never shown.
        database: number of the database.
        client_name: shown by ``CLIENT LIST``.
        tls: how to encrypt, or None.
    """

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    client_name: str | None = None
    tls: ssl.SSLContext | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Place:
    """Where records are kept.

    Attributes:
        kind: ``""`` for one server, ``"sentinel"`` or ``"cluster"``.
        addresses: of the server, of the Sentinels, or of some nodes of the cluster.
        access: to the servers with the data.
        service: what the Sentinels call the primary.
        sentinel_access: to the Sentinels.
    """

    kind: str
    addresses: tuple[Address, ...]
    access: Access
    service: str = ""
    sentinel_access: Access = Access()


def parse(url: str) -> Place:
    """The place a URL names.

    Raises:
        ConfigurationError: it names none; the message shows neither user nor password.
    """
    scheme, _, rest = url.partition("://")
    protocol, _, kind = scheme.lower().partition("+")
    if protocol not in ("redis", "rediss") or kind not in _KINDS:
        raise ConfigurationError(
            "a Redis URL begins with redis://, redis+sentinel:// or redis+cluster://, and with rediss to encrypt"
        )
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    login, _, hosts = authority.rpartition("@")
    user, _, password = login.partition(":")
    options = _options(query)
    addresses = tuple(_address(host, _PORTS[kind]) for host in hosts.split(","))
    if not kind and len(addresses) > 1:
        raise ConfigurationError("redis:// takes one host: redis+sentinel:// and redis+cluster:// take several")
    parts = [unquote(part) for part in path.split("/") if part]
    service = ""
    if kind == "sentinel":
        if not parts:
            raise ConfigurationError("redis+sentinel:// needs the name the Sentinels watch: …://host,host/name/0")
        service = parts.pop(0)
    database = _database(parts)
    if kind == "cluster" and database:
        raise ConfigurationError("redis+cluster:// has database 0 only")
    tls = _tls(options) if protocol == "rediss" else None
    if tls is None and options.keys() & set(_TLS_OPTIONS):
        raise ConfigurationError(f"{scheme}:// does not encrypt, so its ssl_ options do nothing: begin it with rediss")
    name = options.get("client_name")
    access = Access(unquote(user) or None, unquote(password) if login.strip(":") else None, database, name, tls)
    if kind != "sentinel":
        return Place(kind, addresses, access)
    watchers = Access(options.get("sentinel_username"), options.get("sentinel_password"), 0, name, tls)
    return Place(kind, addresses, access, service, watchers)


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(options.keys() - _OPTIONS):
        raise ConfigurationError(
            f"a Redis URL has no option {', '.join(unknown)}: there are {', '.join(sorted(_OPTIONS))}"
        )
    return options


def _address(text: str, default_port: int) -> Address:
    match = re.fullmatch(r"(?:\[([^][]+)\]|([^][:]+))(?::([0-9]{1,5}))?", text)
    port = int(match[3] or default_port) if match else 0
    if match is None or not 0 < port < 65536:
        raise ConfigurationError("a Redis URL has hosts like redis.example, redis.example:6379 or [::1]:6379")
    return Address(match[1] or match[2], port)


def _database(parts: list[str]) -> int:
    if not parts:
        return 0
    if len(parts) > 1 or not (parts[0].isascii() and parts[0].isdigit()):
        raise ConfigurationError("the path of a Redis URL ends with the number of a database, such as /0")
    return int(parts[0])


def _tls(options: dict[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
        if "ssl_certfile" in options:
            context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    except OSError as error:
        raise ConfigurationError(f"the certificates of the Redis URL cannot be used: {error}") from error
    required = _one_of(options, "ssl_cert_reqs", {"required": True, "none": False})
    context.check_hostname = required and _one_of(options, "ssl_check_hostname", {"true": True, "false": False})
    if not required:
        context.verify_mode = ssl.CERT_NONE
    return context


def _one_of(options: dict[str, str], name: str, meanings: dict[str, bool]) -> bool:
    value = options.get(name, next(iter(meanings))).lower()
    if value not in meanings:
        raise ConfigurationError(f"{name} of the Redis URL is {' or '.join(meanings)}")
    return meanings[value]
