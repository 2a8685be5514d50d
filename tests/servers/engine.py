"""The Docker engine of the container provider: one that answers on this machine already, or a private one of ours.

A private engine takes root on Linux and `dockerd`. It has its own socket, images and containers below the folder of
prepared servers, reads no configuration of the machine, and changes nothing on it: no packet filter rules, no default
bridge, no IP forwarding (published ports go through its proxy). All runs of this user share it; `keeper.py` ends it
after the last one.
"""

import atexit
import contextlib
import fcntl
import functools
import json
import os
import platform
import select
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.context import ContextAPI
from docker.errors import ContextException, DockerException

from tests.servers import keeper
from tests.servers.base import ServerError
from tests.servers.binaries import servers_dir

LABEL_HOST = "zdrelease.host"

_SYS_ADMIN, _NET_ADMIN = 21, 12  # bits of a process's capabilities in Linux
_MORE_PATH = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin")


class EngineError(ServerError):
    """There is no Docker engine, or it did not do what it was asked; the message is one line.

    Attributes:
        expected: Whether this machine ought to have been able to do it, so that a run in CI must fail.
    """

    def __init__(self, message: str, *, expected: bool) -> None:
        super().__init__(message)
        self.expected = expected


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers.

    Attributes:
        address: Its socket, `unix:///var/run/docker.sock` for example.
        private: Whether it is ours alone.
        client: Talks to it.
        version: Its version, `20.10.24` for example.
    """

    address: str
    private: bool
    client: docker.DockerClient
    version: str

    def __str__(self) -> str:
        return f"Docker {self.version} ({'private engine of the tests' if self.private else self.address})"


@functools.cache
def answering_engine() -> Engine | None:
    """The Docker engine that this machine runs anyway, if one answers on a local socket."""
    chosen = os.environ.get("DOCKER_HOST")
    for address in [chosen] if chosen else _usual_addresses():
        if not address.startswith("unix://"):  # ports published on another machine's loopback cannot be reached
            continue
        if not keeper.answers(Path(address.removeprefix("unix://"))):  # the client leaks the socket of a failed try
            continue
        try:
            return _connect(address, private=False)
        except (DockerException, OSError):
            continue
    return None


@functools.cache
def private_engine() -> Engine:
    """The private engine, started when no run of this user has it running. Ours until this process ends.

    Raises:
        EngineError: This machine cannot run one, or it did not start; the message says why.
    """
    if reason := why_no_private_engine():
        raise EngineError(f"no private Docker engine: {reason}", expected=could_install_dockerd())
    folder = _private_folder()
    folder.mkdir(parents=True, exist_ok=True)
    users = users_lock()
    with (folder / "start.lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)  # waits for a keeper that is ending the engine just now
        if not (keeper.answers(keeper.socket_of(folder)) and _is_kept(folder)):
            _start_keeper(folder)
    try:
        return _connect(f"unix://{keeper.socket_of(folder)}", private=True)
    except (DockerException, OSError) as error:
        raise EngineError(f"the private Docker engine does not answer: {error}", expected=True) from error


def any_engine() -> Engine:
    """The engine that answers already, else the private one.

    Raises:
        EngineError: There is neither.
    """
    if engine := answering_engine():
        return engine
    try:
        return private_engine()
    except EngineError as error:
        raise EngineError(f"no Docker engine answers on a local socket; {error}", expected=error.expected) from error


@functools.cache
def users_lock() -> int:
    """The descriptor whose shared lock keeps the private engine running; a guard inherits it to outlive us."""
    return os.open(_private_folder() / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def why_no_private_engine() -> str | None:
    """What this machine lacks for a private engine, or None when one ought to start."""
    if platform.system() != "Linux":
        return f"{platform.system()} cannot run one; start Docker Desktop, Colima or similar"
    if os.geteuid() != 0:
        return "it takes root; start the machine's own Docker, or run as root"
    if not _may_run_one():
        return "this root may not mount or make networks (it is probably inside an unprivileged container)"
    if find_dockerd() is None:
        return "dockerd is not installed; scripts/prepare_servers does that on Debian"
    place = keeper.socket_of(_private_folder())
    if len(str(place)) > 90:
        return f"{place} is too long for a socket; set ZDRELEASE_SERVERS_DIR to a shorter folder"
    return None


def could_install_dockerd() -> bool:
    """Whether a private engine lacks nothing but `dockerd`, and apt may have it."""
    return find_dockerd() is None and shutil.which("apt-get") is not None and _may_run_one()


def find_dockerd() -> str | None:
    """The path of `dockerd`."""
    return shutil.which("dockerd", path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_MORE_PATH]))


@functools.cache
def host_id() -> str:
    """Tells the containers of this machine, since it was started, from those of others that share an engine."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{platform.node()}/{boot.read_text().strip() if boot.exists() else ''}"


def _usual_addresses() -> list[str]:
    """Where a Docker client would look: its current context, then the sockets of Docker, rootless and Desktop."""
    addresses = ["unix:///var/run/docker.sock"]
    with contextlib.suppress(ContextException, DockerException, OSError, ValueError):
        context = ContextAPI.get_current_context()
        addresses.insert(0, str(context.Host) if context else "")
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        addresses.append(f"unix://{runtime}/docker.sock")
    addresses += [f"unix://{Path.home() / '.docker' / place}" for place in ("run/docker.sock", "desktop/docker.sock")]
    return list(dict.fromkeys(addresses))


def _connect(address: str, *, private: bool) -> Engine:
    client = docker.DockerClient(base_url=address, timeout=60)
    try:
        version = str(client.version()["Version"])
    except BaseException:
        client.close()
        raise
    atexit.register(client.close)
    return Engine(address, private, client, version)


def _private_folder() -> Path:
    return servers_dir() / "docker"


def _is_kept(folder: Path) -> bool:
    with (folder / "keeper.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _start_keeper(folder: Path) -> None:
    dockerd = find_dockerd()
    assert dockerd is not None
    settings = folder / "daemon.json"  # not those of the machine's own engine
    settings.write_text(json.dumps({}))
    command = [
        dockerd,
        f"--config-file={settings}",
        f"--host=unix://{keeper.socket_of(folder)}",
        f"--data-root={folder / 'data'}",
        f"--exec-root={folder / 'exec'}",
        *("--pidfile", str(folder / "dockerd.pid")),
        *("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"),
        *("--group=root", "--shutdown-timeout=5", "--log-level=warn"),
    ]
    # It outlives us, so it is not to be a child of ours: the shell is, and ends at once.
    with subprocess.Popen(
        ["/bin/sh", "-c", '"$@" &', "sh", sys.executable, "-I", "-S", keeper.__file__, str(folder), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as shell:
        assert shell.stdout is not None
        readable, _, _ = select.select([shell.stdout], [], [], keeper.READY_SECONDS + 2 * keeper.END_SECONDS)
        if readable and shell.stdout.readline() == b"ready\n":
            return
    log = (folder / "dockerd.log").read_text(errors="replace").strip().splitlines()
    raise EngineError(
        f"dockerd did not start: {log[-1] if log else 'it logged nothing'} (log: {folder / 'dockerd.log'})",
        expected=True,
    )


def _may_run_one() -> bool:
    """Whether this process is a root that may mount and make networks."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        return False
    status = Path("/proc/self/status").read_text()
    capabilities = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(capabilities >> _SYS_ADMIN & 1 and capabilities >> _NET_ADMIN & 1)
