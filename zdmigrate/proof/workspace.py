"""A private temporary folder for servers we start, and a guard beside us that clears it however we end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from zdmigrate.proof import guard

#: Seconds to wait for the guard to end what runs.
_GUARD_SECONDS = 90


class Workspace:
    """The folder (in `TMPDIR`, readable by us alone). Close it when done; its guard does it when we cannot."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="zdmigrate-")).resolve()
        self._guard = subprocess.Popen(  # noqa: S603 - our own interpreter and program
            [sys.executable, "-I", "-S", guard.__file__, str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def home(self, name: str) -> Path:
        """A new folder for one server."""
        made = self.path / name
        made.mkdir()
        return made

    def close(self) -> None:
        """End every server in it and remove it; once more is fine."""
        if self._guard.stdin is not None and not self._guard.stdin.closed:
            self._guard.stdin.close()
            self._guard.wait(timeout=_GUARD_SECONDS)


def spawn(
    home: Path,
    command: Sequence[str],
    *,
    log: IO[bytes],
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program that the guard ends with us: its pid stands in its home before it runs.

    It writes to `log`, and no signal of our terminal reaches it.

    Args:
        folder: where it works, inside of its home; None means the home itself.
        environment: its whole environment; None means ours.
    """
    wrapper = ["/bin/sh", "-c", 'echo $$ >"$0/pid" && exec "$@"', str(home)]
    return subprocess.Popen(  # noqa: S603 - a program of the user's choosing, never through a shell of ours
        [*wrapper, *command],
        cwd=folder or home,
        env=None if environment is None else dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill what `spawn` started, with everything it started itself."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
