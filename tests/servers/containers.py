"""The container provider: servers by Testcontainers, each in a container of its own on a Docker engine.

What a run starts carries the label of its workspace, so that its guard (`container_guard.py`) can remove it when the
run dies, and a later run what a machine left that lost both. Testcontainers' own reaper stays off: it needs an image
that may not be there, and publishes a port on every address of the machine.
"""

import abc
import atexit
import contextlib
import fcntl
import functools
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pymysql
import redis
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from redis.backoff import NoBackoff
from redis.retry import Retry
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from tests.servers import container_guard, ports
from tests.servers.base import Kind, Server, ServerError, ServerUnavailableError
from tests.servers.container_guard import LABEL_RUN
from tests.servers.engine import LABEL_HOST, Engine, EngineError, any_engine, host_id, users_lock
from tests.servers.images.build import Recipe, get_image, recipe_of
from tests.servers.options import COMMON, binlog_options, data_options, flavour_options
from tests.servers.processes import telling_line
from tests.servers.workspace import workspace

testcontainers_config.ryuk_disabled = True

READY_SECONDS = 120.0
STOP_SECONDS = 30
GUARD_SECONDS = 90


class Run:
    """What this process has on one engine: a network, a label for all that it starts, and a guard.

    Attributes:
        engine: The engine.
        labels: On every container and network.
        network: The name of the run's network.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.labels = {LABEL_RUN: str(workspace().path), LABEL_HOST: host_id()}
        self.network = workspace().path.name
        self._owner = os.getpid()
        self._count = 0
        _remove_what_others_left(engine)
        self._guard = subprocess.Popen(
            [sys.executable, "-I", container_guard.__file__, engine.address, self.labels[LABEL_RUN]],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(users_lock(),) if engine.private else (),
        )
        engine.client.networks.create(self.network, driver="bridge", labels=self.labels)

    def new_name(self, kind: Kind) -> str:
        """A name for one container."""
        self._count += 1
        return f"{self.network}-{kind}-{self._count}"

    def close(self) -> None:
        """Remove all that this process started. In a forked child this does nothing."""
        if os.getpid() != self._owner or self._guard.stdin is None:
            return
        self._guard.stdin.close()
        self._guard.wait(timeout=GUARD_SECONDS)


@functools.cache
def current_run() -> Run:
    """This process's run on the engine of this machine, made on first use and removed at exit.

    Raises:
        EngineError: There is no engine, or it refuses.
    """
    engine = any_engine()
    try:
        made = Run(engine)
    except (DockerException, requests.RequestException) as error:
        raise EngineError(f"{engine} refuses: {error}", expected=True) from error
    atexit.register(made.close)
    return made


class ContainerServer(abc.ABC):
    """A server in a container of ours. Subclasses say how to run it and ask if it is ready."""

    kind: Kind

    def __init__(self, recipe: Recipe, image: str, *, args: tuple[str, ...]) -> None:
        self._recipe = recipe
        self._image = image
        self._args = args
        self._port = ports.lease()
        self._container: Container | None = None
        self._version: str | None = None
        self._closed = False

    @abc.abstractmethod
    def _command(self) -> list[str]:
        """The options of the server."""

    @abc.abstractmethod
    def _environment(self) -> dict[str, str]:
        """The environment of the container; passwords go here, where no listing of processes shows them."""

    @abc.abstractmethod
    def _ping(self) -> str:
        """The version that the server says in answer to a query; may raise what the driver raises."""

    @abc.abstractmethod
    def url(self, database: str | None = None) -> str:
        """See `Server.url`."""

    @property
    def version(self) -> str:
        """See `Server.version`; the series of its image until it has answered."""
        return self._version or self._recipe.series

    @property
    def running(self) -> bool:
        """See `Server.running`."""
        return self._status() in ("running", "paused")

    @property
    def port(self) -> int:
        """The loopback port it is published on."""
        return self._port

    def start(self) -> None:
        """See `Server.start`. A port that somebody else took meanwhile is exchanged on the first start only."""
        if self._closed:
            raise ServerError(f"{self} was closed")
        if self.running:
            return
        if self._container is None:
            self._create()
        else:
            with _said_in_one_line(f"{self} could not be started"):
                self._container.start()
        try:
            self._wait_until_ready()
        except ServerError:
            self.kill()
            raise

    def stop(self) -> None:
        """See `Server.stop`."""
        if self._container is None or not self.running:
            return
        self.resume()
        with _said_in_one_line(f"{self} could not be stopped"):
            self._container.stop(timeout=STOP_SECONDS)

    def kill(self) -> None:
        """See `Server.kill`."""
        if self._container is None or not self.running:
            return
        with _said_in_one_line(f"{self} could not be killed"):
            try:
                self._container.kill("SIGKILL")
            except APIError as error:
                if error.status_code != 409:  # it ended by itself meanwhile
                    raise
            self._container.wait(timeout=STOP_SECONDS)

    def pause(self) -> None:
        """See `Server.pause`. The whole container is frozen."""
        if self._container is None or not self.running:
            raise ServerError(f"{self} is not running")
        if self._status() != "paused":
            with _said_in_one_line(f"{self} could not be paused"):
                self._container.pause()

    def resume(self) -> None:
        """See `Server.resume`."""
        if self._container is not None and self._status() == "paused":
            with _said_in_one_line(f"{self} could not be resumed"):
                self._container.unpause()

    def restart(self) -> None:
        """See `Server.restart`."""
        self.stop()
        self.start()

    def close(self) -> None:
        """See `Server.close`."""
        if self._closed:
            return
        self._closed = True
        ports.release(self._port)
        if self._container is not None:
            with _said_in_one_line(f"{self} could not be removed"), contextlib.suppress(NotFound):
                self._container.remove(force=True, v=True)

    def log(self, lines: int = 40) -> str:
        """See `Server.log`."""
        if self._container is None:
            return ""
        try:
            return str(self._container.logs(tail=lines).decode(errors="replace"))
        except (DockerException, requests.RequestException):
            return ""

    def __repr__(self) -> str:
        return f"<{self.kind} {self.version} in a container on port {self._port}>"

    def _status(self) -> str:
        if self._container is None or self._closed:
            return "none"
        with _said_in_one_line(f"the engine does not tell about {self}"):
            try:
                self._container.reload()
            except NotFound:
                return "none"
        return str(self._container.status)

    def _create(self) -> None:
        run = current_run()
        for attempt in range(5):
            name = run.new_name(self.kind)
            try:
                with _said_in_one_line(f"{self} could not be started"):
                    self._container = self._start_new(run, name)
                return
            except ServerError as error:
                with contextlib.suppress(DockerException, requests.RequestException):  # it may not even exist
                    run.engine.client.api.remove_container(name, v=True, force=True)
                if attempt == 4 or not re.search("already (in use|allocated)", str(error)):
                    raise
                ports.release(self._port)
                self._port = ports.lease()

    def _start_new(self, run: Run, name: str) -> Container:
        made = DockerContainer(self._image, docker_client_kw={"environment": {"DOCKER_HOST": run.engine.address}})
        made.with_name(name).with_command(self._command()).with_envs(**self._environment())
        made.with_kwargs(labels=run.labels, network=run.network)
        # Testcontainers' own methods publish on every address, and cannot keep a port over a restart.
        made.ports = {f"{self._recipe.port}/tcp": ("127.0.0.1", self._port)}  # type: ignore[dict-item]
        with closing(made.get_docker_client().client):
            made.start()
        return run.engine.client.containers.get(made.get_container_id())

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        answer: Exception | str = "no answer"
        while time.monotonic() < deadline:
            if not self.running:
                why = telling_line(self.log())
                raise ServerError(f"{self} ended before it was ready: {why}")
            try:
                self._version = self._ping()
                return
            except Exception as error:  # whatever the driver raises for a server that is still starting
                answer = error
            time.sleep(0.1)
        raise ServerError(f"{self} was not ready after {READY_SECONDS:.0f} s: {answer}")


class SQLContainer(ContainerServer):
    """MySQL or MariaDB in a container, with the options that our processes have."""

    def __init__(self, recipe: Recipe, image: str, *, binlog: bool, args: tuple[str, ...]) -> None:
        super().__init__(recipe, image, args=args)
        self.kind = recipe.kind
        self._binlog = binlog
        self._password = secrets.token_urlsafe(18)

    def url(self, database: str | None = None) -> str:
        """See `Server.url`."""
        return f"mysql+pymysql://root:{self._password}@127.0.0.1:{self._port}/{database or ''}"

    def _command(self) -> list[str]:
        own = (*data_options(self.kind), *flavour_options(self.kind), *binlog_options(self.kind, self._binlog))
        return [f"--server-id={self._port}", *COMMON, *own, *self._args]

    def _environment(self) -> dict[str, str]:
        prefix = self.kind.upper()
        # Zone tables take seconds, and the official images write them to the binary log.
        return {f"{prefix}_ROOT_PASSWORD": self._password, f"{prefix}_INITDB_SKIP_TZINFO": "1"}

    def _ping(self) -> str:
        connection = pymysql.connect(
            host="127.0.0.1", port=self._port, user="root", password=self._password, connect_timeout=2, read_timeout=2
        )
        with closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            (version,) = cursor.fetchone() or ("",)
        return re.split(r"[^\d.]", str(version))[0]


class RedisContainer(ContainerServer):
    """Redis in a container, without persistence; `args=("--appendonly", "yes")` gives it some."""

    kind: Kind = "redis"

    def url(self, database: str | None = None) -> str:
        """See `Server.url`."""
        return f"redis://127.0.0.1:{self._port}/{database or 0}"

    def _command(self) -> list[str]:
        return ["redis-server", "--protected-mode", "no", "--save", "", *self._args]

    def _environment(self) -> dict[str, str]:
        return {}

    def _ping(self) -> str:
        once = Retry(NoBackoff(), 0)
        with redis.Redis.from_url(self.url(), socket_timeout=2, socket_connect_timeout=2, retry=once) as client:
            return str(client.info("server")["redis_version"])


def open_container(
    kind: Kind, *, version: str | None = None, binlog: bool = False, args: tuple[str, ...] = ()
) -> Server:
    """Start a server of this kind in a container; see `tests.servers.open_server`.

    Raises:
        ServerUnavailableError: There is no engine, or no image of this version.
        ServerError: It did not start.
    """
    recipe = recipe_of(kind, version)
    try:
        image = get_image(current_run().engine, recipe)
    except EngineError as error:
        raise ServerUnavailableError(kind, str(error)) from error
    server: ContainerServer
    if kind == "redis":
        server = RedisContainer(recipe, image, args=args)
    else:
        server = SQLContainer(recipe, image, binlog=binlog, args=args)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def _remove_what_others_left(engine: Engine) -> None:
    """Remove what runs on this machine left that lost their guard too."""
    filters = {"label": [LABEL_RUN, f"{LABEL_HOST}={host_id()}"]}
    found = engine.client.api.containers(all=True, filters=filters) + engine.client.api.networks(filters=filters)
    for run in {labelled["Labels"][LABEL_RUN] for labelled in found}:
        if not _lives(Path(run)):
            container_guard.remove_all(engine.client, run)


def _lives(workspace_of_run: Path) -> bool:
    """Whether the owner of a workspace lives: it holds the lock there."""
    try:
        with (workspace_of_run / "owner.lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except PermissionError:  # another user's
        return True
    except FileNotFoundError:
        return False
    return False


@contextmanager
def _said_in_one_line(what: str) -> Iterator[None]:
    """Turn what the engine's client raises into a `ServerError` of one line."""
    try:
        yield
    except (DockerException, requests.RequestException) as error:
        why = error.explanation if isinstance(error, APIError) else error
        raise ServerError(f"{what}: {' '.join(str(why).split())}") from error
