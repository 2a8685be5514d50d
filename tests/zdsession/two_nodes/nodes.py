"""Nodes: gunicorn processes that serve the example shop, to be killed, stopped and started again."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers import ports

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[2]
_START_SECONDS = 60.0
_STOP_SECONDS = 60.0


class Node:
    """One gunicorn with two workers, on a port of its own, which it keeps over restarts."""

    def __init__(self, name: str, folder: Path, environ: Mapping[str, str], *arguments: str) -> None:
        self.port = ports.lease()
        self._log = folder / f"{name}.log"
        paths = [str(_ROOT), str(_ROOT / "examples" / "flask_app"), str(_HERE)]
        self._environ = {**os.environ, **environ, "PYTHONPATH": os.pathsep.join(paths)}
        gunicorn = [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{self.port}"]
        own = ["--no-control-socket", "--graceful-timeout", "20", "--worker-tmp-dir", str(folder)]
        self._command = [*gunicorn, *own, *arguments, "shop_node:app"]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, f"the node ended:\n{self.log()}"
            assert time.monotonic() < deadline, f"the node does not answer:\n{self.log()}"
            time.sleep(0.05)

    def kill(self) -> None:
        """`kill -9` of the parent and its workers at once, as if the machine were gone."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_STOP_SECONDS)

    def terminate(self) -> int:
        """SIGTERM, as a deploy sends it; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(_STOP_SECONDS)

    def log(self) -> str:
        """What it logged last."""
        return self._log.read_text(errors="replace")[-3000:]

    def _end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        ports.release(self.port)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
