"""Ends servers whose owner is gone and removes their folders. Standard library only.

Everything a run starts is kept in one folder, its workspace: a home for each server, with the pid of its process in
the file `pid`, or the id of its container in the file `container`. Run as a program (`guard.py WORKSPACE`), this waits
until standard input ends, which happens however the owner dies, `kill -9` included, and then clears the workspace.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

#: Seconds the end of a process may take, and the removal of a container.
END_SECONDS = 10
REMOVE_SECONDS = 60


def clear(workspace: Path) -> None:
    """End what still runs in a workspace and remove it; one that is already gone is fine."""
    for home in sorted(workspace.glob("*/")):
        _end_process(home)
        _end_container(home)
    shutil.rmtree(workspace, ignore_errors=True)


def _end_process(home: Path) -> None:
    """Kill the process that a home names, and its children, if it is still the one started there."""
    try:
        pid = int((home / "pid").read_text())
    except (OSError, ValueError):
        return
    if not _works_in(pid, home):
        return
    with contextlib.suppress(ProcessLookupError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + END_SECONDS
    while _works_in(pid, home) and time.monotonic() < deadline:
        time.sleep(0.02)


def _end_container(home: Path) -> None:
    """Remove the container that a home names, where the `docker` command can: a container has no parent that dies."""
    docker = shutil.which("docker")
    try:
        name = (home / "container").read_text().strip()
    except OSError:
        return
    if docker is not None and name:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(  # noqa: S603 - the user's own docker, an id that its engine gave us
                [docker, "rm", "--force", "--volumes", name], capture_output=True, timeout=REMOVE_SECONDS, check=False
            )


def _works_in(pid: int, home: Path) -> bool:
    """Whether a live process has this pid and belongs to this home: pids are reused, folders of ours are not."""
    proc = Path("/proc")
    if (proc / "self").exists():
        try:
            return str((proc / str(pid) / "cwd").readlink()).startswith(str(home))
        except OSError:
            return False
    told = subprocess.run(  # noqa: S603 - a number of ours, never through a shell
        ["ps", "-ww", "-o", "command=", "-p", str(pid)],  # noqa: S607 - the system's ps
        capture_output=True,
        text=True,
        check=False,
    )
    return str(home) in told.stdout


def main() -> None:
    """Wait for the owner to go, then clear its workspace."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    clear(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
