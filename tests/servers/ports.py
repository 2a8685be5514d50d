"""Loopback ports that nobody else takes while a server is down."""

import fcntl
import functools
import os
import random
import socket
import tempfile
from pathlib import Path

# Below the range that Linux (32768 up) and macOS (49152 up) hand out to outgoing connections, so that no
# client takes a port while its server is stopped.
_FIRST, _LAST = 20000, 31999

_leased: set[int] = set()


@functools.cache
def _register() -> int:
    """One file for all runs of this user; byte N is locked while port N is leased. Open until this process ends."""
    path = Path(tempfile.gettempdir()) / f".zdrelease-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def lease() -> int:
    """A free loopback port that no other run of these tests will use until `release` or our end.

    Raises:
        OSError: A thousand tries found none.
    """
    for _ in range(1000):
        port = random.randint(_FIRST, _LAST)
        if port in _leased:
            continue
        try:
            fcntl.lockf(_register(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            continue
        if _is_free(port):
            _leased.add(port)
            return port
        fcntl.lockf(_register(), fcntl.LOCK_UN, 1, port)
    raise OSError(f"no free loopback port between {_FIRST} and {_LAST}")


def release(port: int) -> None:
    """Give a leased port back."""
    _leased.discard(port)
    fcntl.lockf(_register(), fcntl.LOCK_UN, 1, port)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
