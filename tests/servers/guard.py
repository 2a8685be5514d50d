"""Ends servers whose owner is gone and removes their folders. Standard library only.

A run of tests keeps everything it starts in one folder, its workspace: a home for each process, with its pid in the
file `pid`, and small disks mounted in it. Run as a program (`guard.py WORKSPACE`), this waits until standard input
ends, which happens however the owner dies, `kill -9` included, and then clears the workspace.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path


def clear(workspace: Path) -> None:
    """End what still runs in a workspace and remove it; one that is already gone is fine."""
    for home in sorted(workspace.glob("*/")):
        _end(home)
    unmount(workspace)
    shutil.rmtree(workspace, ignore_errors=True)


def unmount(folder: Path) -> None:
    """Unmount what is mounted on a folder and below; nothing mounted is fine."""
    try:
        table = Path("/proc/self/mountinfo").read_text()
    except OSError:
        return  # not Linux, where nothing of ours is mounted
    points = [Path(line.split()[4].replace("\\040", " ")) for line in table.splitlines()]
    for point in sorted((point for point in points if point.is_relative_to(folder)), reverse=True):
        # Lazily: a killed server may not be quite gone.
        subprocess.run(["umount", "--lazy", str(point)], capture_output=True, check=False)


def _end(home: Path) -> None:
    """Kill the process that a server home names, if that process is still the one started there."""
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
    deadline = time.monotonic() + 10
    while _works_in(pid, home) and time.monotonic() < deadline:
        time.sleep(0.02)


def _works_in(pid: int, home: Path) -> bool:
    """Whether a live process has this pid and belongs to this home: pids are reused, folders of ours are not."""
    proc = Path("/proc")
    if (proc / "self").exists():
        try:
            return str((proc / str(pid) / "cwd").readlink()).startswith(str(home))
        except OSError:
            return False
    told = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
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
