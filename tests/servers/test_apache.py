"""What Apache leaves behind: nothing."""

from __future__ import annotations

import time
from pathlib import Path

from tests.servers.apache import open_apache


def processes_of(home: Path) -> list[int]:
    """Living processes whose command names that folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(str(home).encode()) for word in words):
            found.append(int(path.parent.name))
    return found


def test_its_children_end_with_it() -> None:
    apache = open_apache(["127.0.0.1:1"])
    try:
        assert len(processes_of(apache.home)) > 1, "it has children, or this shows nothing"
    finally:
        apache.close()
    deadline = time.monotonic() + 10
    while processes_of(apache.home) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(apache.home) == []
