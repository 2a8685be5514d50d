"""The visitors, in a process of their own, and what is seen from outside while they are there."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pymysql
from sqlalchemy.engine import URL, make_url

from scripts.story.outcome import Mark, Sample
from scripts.story.place import ROOT, Place

#: After the end of the run everybody finishes what was begun.
_FINISH_SECONDS = 300.0


class Visitors:
    """Everybody who shops, from the beginning to the end of the `with`."""

    def __init__(self, place: Place, *, shoppers: int, newcomers: int = 1) -> None:
        self._samples = place.folder / "samples.jsonl"
        self._ledger = place.folder / "ledger.json"
        command = [sys.executable, "-m", "scripts.story.users", place.origin, str(place.authority)]
        command += [str(self._samples), str(self._ledger)]
        command += ["--shoppers", str(shoppers), "--newcomers", str(newcomers)]
        self._log = (place.folder / "users.log").open("w")
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=self._log, text=True)
        assert self._process.stdin is not None
        self._process.stdin.write(place.admin_password + "\n")
        self._process.stdin.flush()

    def __enter__(self) -> Visitors:
        return self

    def __exit__(self, *raised: object) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_FINISH_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            self._log.close()

    def ledger(self) -> dict[str, Any]:
        """What they know; after the end.

        Raises:
            RuntimeError: they did not come to their end.
        """
        if not self._ledger.exists():
            raise RuntimeError(f"the visitors ended early: {Path(self._log.name).read_text()[-2000:]}")
        found: dict[str, Any] = json.loads(self._ledger.read_text())
        return found

    def samples(self) -> list[Sample]:
        """Every page; after the end."""
        found = []
        for line in self._samples.read_text().splitlines():
            page = json.loads(line)
            version = page["by"].rpartition(" ")[2]
            found.append(Sample(page["at"], page["ms"], page["page"], page["status"], version))
        return found


class Watch:
    """Notes, from outside, when another node of the database becomes writable. It has the shop's own account."""

    def __init__(self, place: Place) -> None:
        self.marks: list[Mark] = []
        urls = [make_url(url) for url in place.environ["SHOP_DATABASES"].split()]
        self._nodes = {node.name: url for node, url in zip(place.pair.nodes, urls, strict=True)}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        connections: dict[str, Any] = {}
        serving = next(iter(self._nodes))
        while not self._end.wait(0.1):
            for name, url in self._nodes.items():
                try:
                    if name not in connections:
                        connections[name] = _connect(url)
                    with connections[name].cursor() as cursor:
                        cursor.execute("SELECT @@GLOBAL.read_only")
                        writable = int(cursor.fetchone()[0]) == 0
                except (pymysql.MySQLError, OSError):
                    connections.pop(name, None)
                    continue
                if writable and name != serving:
                    serving = name
                    self.marks.append(Mark(time.time(), f"primary: {serving}"))
        for connection in connections.values():
            with suppress(pymysql.MySQLError):
                connection.close()


def _connect(url: URL) -> pymysql.Connection[Any]:
    return pymysql.connect(
        host=url.host, port=url.port or 0, user=url.username, password=str(url.password), autocommit=True,
        connect_timeout=2, read_timeout=5,
    )  # fmt: skip


def read_events(path: Path) -> list[dict[str, Any]]:
    """The events of a release so far; the last line may be half written."""
    found = []
    if path.exists():
        for line in path.read_text().splitlines():
            with suppress(json.JSONDecodeError):
                found.append(json.loads(line))
    return found
