"""A throwaway server in a container, through Testcontainers (the extra `prove`)."""

from __future__ import annotations

import os
import secrets
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from zdmigrate.flavour import Flavour
from zdmigrate.proof.process import READY_SECONDS, StartError, answers, telling_line
from zdmigrate.proof.workspace import Workspace

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

_PORT = 3306
_DEFAULT_ENGINE = "unix:///var/run/docker.sock"
#: Seconds to wait for a Docker engine to answer at all.
_ENGINE_SECONDS = 5


class ContainerServer:
    """The official image of a flavour, `mysql:8.4` or `mariadb:10.11`. `start`, use `url`, `close`."""

    def __init__(self, flavour: Flavour) -> None:
        self.image = str(flavour)
        self._password = secrets.token_urlsafe(18)
        self._workspace: Workspace | None = None
        self._container: DockerContainer | None = None
        self._address = ("", 0)

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the server, with its password: never to be shown."""
        host, port = self._address
        return f"mysql+pymysql://root:{self._password}@{host}:{port}/"

    def start(self) -> None:
        """Pull the image if it is not there, start it, and return when the server answers a query of ours.

        Raises:
            StartError: when the image cannot be had or the server does not start.
        """
        from docker.errors import DockerException
        from testcontainers.core.container import DockerContainer

        self._workspace = Workspace()
        try:
            # Both families' images read this name.
            self._container = container = DockerContainer(self.image).with_env("MYSQL_ROOT_PASSWORD", self._password)
            container.with_exposed_ports(_PORT)
            if _engine_is_here(container):
                loopback: Any = ("127.0.0.1",)  # Docker chooses the port; without this every interface gets one
                container.ports[str(_PORT)] = loopback
            container.start()
            (self._workspace.home("server") / "container").write_text(container.get_container_id())
            self._wait(container)
        except StartError:
            raise
        except (DockerException, OSError, RuntimeError, TimeoutError) as error:
            said = str(getattr(error, "explanation", None) or error).strip().splitlines() or [type(error).__name__]
            raise StartError(f"the image {self.image} cannot be started: {said[0]}") from error

    def log(self, lines: int = 40) -> str:
        """The last lines it logged."""
        if self._container is None:
            return ""
        try:
            out, err = self._container.get_logs()
        except Exception:  # the container is gone, and with it what it would have told
            return ""
        return "\n".join((out + err).decode(errors="replace").splitlines()[-lines:])

    def close(self) -> None:
        """Remove the container and its volumes; once more is fine."""
        container, self._container = self._container, None
        try:
            if container is not None:
                container.stop()
        finally:
            if self._workspace is not None:
                self._workspace.close()

    def _wait(self, container: DockerContainer) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            container.reload()
            if container.status in ("exited", "dead"):
                raise StartError(f"{self.image} ended before it was ready: {telling_line(self.log())}")
            if container.status == "running":
                self._address = (container.get_container_host_ip(), int(container.get_exposed_port(_PORT)))
                if answers(*self._address, "root", self._password):
                    return
            time.sleep(0.2)
        raise StartError(f"{self.image} did not answer in {READY_SECONDS:.0f} s")


def _engine_is_here(container: DockerContainer) -> bool:
    """Whether ports that containers publish on loopback are on our loopback."""
    from testcontainers.core.config import ConnectionMode

    client = container.get_docker_client()
    return client.get_connection_mode() is ConnectionMode.docker_host and client.host() in ("localhost", "127.0.0.1")


def no_engine() -> str:
    """Why containers cannot be used here, or ""."""
    try:
        import docker
        from testcontainers.core.docker_client import get_docker_host
    except ImportError:
        return "testcontainers is not installed (pip install 'zdrelease[prove]')"
    host = get_docker_host() or _DEFAULT_ENGINE
    try:
        if host.startswith("unix://"):
            # Asked first by ourselves: the client leaves its socket open when nobody listens there.
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(_ENGINE_SECONDS)
                probe.connect(host.removeprefix("unix://"))
        with closing(
            docker.from_env(timeout=_ENGINE_SECONDS, environment={**os.environ, "DOCKER_HOST": host})
        ) as client:
            client.ping()
    except Exception as error:  # the client's own errors, and those of everything below it
        return f"no Docker engine answers at {host} ({_short(error)})"
    return ""


def _short(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(said.split())[:160]
