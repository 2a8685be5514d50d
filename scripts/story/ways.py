"""Two ways to release version 2: ours, and the usual one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from scripts.story.outcome import Mark
from scripts.story.place import SHOP, Place
from scripts.story.visit import read_events

_RELEASE_SECONDS = 1800.0
#: A release tool that was killed is started again so often.
_STARTS = 4
_TO_NODES = {"drain", "stop", "start", "smoke", "admit"}


class Release:
    """`zdmigrate release`, started again where it was killed.

    Args:
        rest: seconds until then.
    """

    def __init__(self, place: Place, rest: float = 0.0) -> None:
        self._place = place
        self._rest = rest
        place.write_topology()
        self._file = place.write_release()
        self.events = place.folder / "journal" / "events.jsonl"
        self.process: subprocess.Popen[bytes] | None = None
        self.log = place.folder / "release.log"

    def run(self) -> list[str]:
        """Carry it out; why it did not come to its end, nothing if it did."""
        command = [sys.executable, "-m", "zdmigrate", "release", str(self._file), "--yes"]
        code = 0
        for _ in range(_STARTS):
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    command, cwd=SHOP / "v2", env=self._place.environ, stdin=subprocess.DEVNULL,
                    stdout=log, stderr=log,
                )  # fmt: skip
                code = self.process.wait(_RELEASE_SECONDS)
            if code != -signal.SIGKILL:
                break
            time.sleep(self._rest)
        return [] if code == 0 else [f"zdmigrate release ended with {code}: {_tail(self.log)}"]

    def kill(self) -> None:
        """`kill -9` of the tool, wherever it is."""
        if self.process is not None:
            self.process.kill()

    def marks(self) -> list[Mark]:
        """Its steps: a phase of the database each, and each node from its drain until it serves again."""
        return steps(read_events(self.events))


def steps(events: list[dict[str, Any]]) -> list[Mark]:
    """The chart's names for a release's events."""
    began: dict[str, float] = {}
    made = []
    for event in events:
        is_node = event["step"] in _TO_NODES
        name = event["node"] if is_node else event["step"]
        if event["outcome"] == "begun":
            began.setdefault(name, event["at"])
        elif event["outcome"] == "done" and (not is_node or event["step"] == "admit") and name in began:
            made.append(Mark(began.pop(name), name, event["at"]))
    return made


class Usual:
    """All nodes at once, and plain Alembic: what deploy scripts do."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._marks: list[Mark] = []

    def run(self) -> list[str]:
        """`alembic upgrade head`, then restart everything."""
        place = self._place
        primary = make_url(place.primary().url("shop")).render_as_string(hide_password=False)
        with self._step("alembic upgrade head"):
            done = place.run("alembic", "upgrade", "head", SHOP_DATABASES=primary)
        if done.returncode != 0:
            return [f"alembic upgrade head ended with {done.returncode}: {done.stderr[-500:]}"]
        with self._step("restart"):
            with ThreadPoolExecutor() as all_at_once:
                list(all_at_once.map(lambda name: place.node(name, "stop"), place.nodes))
            place.start_nodes("2.0")
        return []

    def marks(self) -> list[Mark]:
        """Its two steps."""
        return self._marks

    def _step(self, name: str) -> _Timed:
        return _Timed(lambda began: self._marks.append(Mark(began, name, time.time())))


class _Timed:
    def __init__(self, note: Callable[[float], None]) -> None:
        self._note = note

    def __enter__(self) -> None:
        self._began = time.time()

    def __exit__(self, *raised: object) -> None:
        self._note(self._began)


def kill_node(pid_file: Path) -> None:
    """`kill -9` of a node and its workers at once, as if its machine were gone."""
    parent = int(pid_file.read_text())
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    for pid in (parent, *map(int, children)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _tail(path: Path) -> str:
    return " / ".join(path.read_text(errors="replace").strip().splitlines()[-8:])
