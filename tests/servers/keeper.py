"""Runs a private Docker engine while anybody uses it, then ends it. Standard library only.

Run as a program: `keeper.py FOLDER DOCKERD [OPTION ...]`. Users of the engine hold a shared lock on `users.lock` in
the folder; the kernel takes it from them however they die, `kill -9` included. When nobody holds it any more, the
engine is shut down and its sockets are removed. Images stay, for the next run. `ready` is printed when the engine
answers; a keeper that finds an engine whose own keeper was killed looks after that one.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

READY_SECONDS = 60.0
END_SECONDS = 40.0


def socket_of(folder: Path) -> Path:
    """The engine's socket."""
    return folder / "docker.sock"


def answers(place: Path) -> bool:
    """Whether an engine answers on a socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        try:
            connection.connect(str(place))
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return connection.recv(64).split(b" ")[1:2] == [b"200"]
        except OSError:
            return False


def engine_pid(folder: Path) -> int | None:
    """The process id of the engine that a folder names, when that is what runs under it."""
    try:
        pid = int((folder / "dockerd.pid").read_text())
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if str(folder / "dockerd.pid").encode() in arguments else None


def main(folder: Path, command: list[str]) -> int:
    """Start or adopt the engine, say `ready`, and end it after its last user; 1 when it did not start."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda *_: None)  # not SIG_IGN: that the engine and its containers would inherit
    with (folder / "keeper.lock").open("w") as ours, (folder / "users.lock").open("w") as users:
        fcntl.flock(ours, fcntl.LOCK_EX)
        child = None if engine_pid(folder) else _start(folder, command)
        if not _wait_until_ready(folder, child):
            _end(folder, child)
            return 1
        print("ready", flush=True)
        while engine_pid(folder) and (child is None or child.poll() is None):
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.2)
        _end(folder, child)  # a new user waits for the lock on users.lock meanwhile
    return 0


def _start(folder: Path, command: list[str]) -> "subprocess.Popen[bytes]":
    (folder / "dockerd.pid").unlink(missing_ok=True)
    with (folder / "dockerd.log").open("wb") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def _wait_until_ready(folder: Path, child: "subprocess.Popen[bytes] | None") -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and (child is None or child.poll() is None):
        if answers(socket_of(folder)):
            return True
        time.sleep(0.05)
    return False


def _end(folder: Path, child: "subprocess.Popen[bytes] | None") -> None:
    pid = child.pid if child else engine_pid(folder)
    for fate in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + END_SECONDS
        if pid and _lives(folder, child):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, fate)
            while _lives(folder, child) and time.monotonic() < deadline:
                time.sleep(0.05)
    socket_of(folder).unlink(missing_ok=True)
    shutil.rmtree(folder / "exec", ignore_errors=True)


def _lives(folder: Path, child: "subprocess.Popen[bytes] | None") -> bool:
    return child.poll() is None if child else engine_pid(folder) is not None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
