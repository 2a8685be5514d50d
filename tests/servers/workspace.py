"""The folder that holds everything this process starts, and its removal whatever happens to us."""

import atexit
import fcntl
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.servers import guard

_ROOM = 2 * 1024**3  # bytes that must be free in memory before data goes there


class Workspace:
    """A private temporary folder with a guard that outlives us long enough to clear it.

    The folder is in memory (`/dev/shm`) where there is room. A lock file in it shows that its owner lives;
    a folder whose lock is free was left by a machine that lost its guard too, and is cleared on the next start.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._owner = os.getpid()
        self._count = 0
        root = root or _root()
        with (root / f".zdrelease-{os.getuid()}.lock").open("w") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            _sweep(root)
            self.path = Path(tempfile.mkdtemp(prefix=_prefix(), dir=root))
            self._alive: IO[str] = (self.path / "owner.lock").open("w")
            fcntl.flock(self._alive, fcntl.LOCK_EX)
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def new_home(self, name: str) -> Path:
        """An empty folder for one server."""
        self._count += 1
        home = self.path / f"{name}-{self._count}"
        home.mkdir()
        return home

    def close(self) -> None:
        """End every server in it and remove it. In a forked child this does nothing: the parent owns it."""
        if os.getpid() != self._owner or self._guard.stdin is None:
            return
        self._guard.stdin.close()
        self._guard.wait(timeout=60)
        self._alive.close()


@functools.cache
def workspace() -> Workspace:
    """This process's workspace, made on first use and cleared at exit."""
    made = Workspace()
    atexit.register(made.close)
    return made


def spawn(
    home: Path,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
) -> "subprocess.Popen[bytes]":
    """Start a process that the guard ends with us: its pid stands in its home before the program runs.

    It works in its home, and no signal of our terminal reaches it.

    Args:
        home: A folder from `Workspace.new_home`, for this process alone.
        command: The program and its arguments.
        environment: Variables to add to ours.
        stdin: As for `subprocess.Popen`; so are stdout and stderr.
    """
    wrapper = ["/bin/sh", "-c", 'echo $$ >"$0/pid" && exec "$@"', str(home)]
    return subprocess.Popen(
        [*wrapper, *command],
        cwd=home,
        env={**os.environ, **(environment or {})},
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )


def _prefix() -> str:
    return f"zdrelease-{os.getuid()}-"


def _root() -> Path:
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM:
        return memory
    return Path(tempfile.gettempdir())


def _sweep(root: Path) -> None:
    """Clear the workspaces of owners that are gone. The caller holds the door."""
    for folder in root.glob(_prefix() + "*"):
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            continue
        try:
            with (folder / "owner.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                guard.clear(folder)
        except BlockingIOError:
            continue  # its owner lives
        except FileNotFoundError:
            continue  # its own guard is clearing it
