"""What servers use."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.online_alter.shop import bytes_under, processor_seconds


def test_processor_seconds_of_a_name_with_parentheses() -> None:
    stat = "42 (my (odd) name) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 30 0 1000 5000 60"
    assert processor_seconds(stat, 100) == 3.0


def test_processor_seconds_of_this_process() -> None:
    used = processor_seconds(Path("/proc/self/stat").read_text(), os.sysconf("SC_CLK_TCK"))
    assert 0 <= used <= sum(os.times()[:2]) + 1


def test_bytes_under_counts_folders_within_and_no_links(tmp_path: Path) -> None:
    within = tmp_path / "a" / "b"
    within.mkdir(parents=True)
    before = bytes_under([tmp_path])
    with (within / "file").open("wb") as file:
        file.write(os.urandom(100_000))
        file.flush()
        os.fsync(file.fileno())  # some file systems find room for it only then
    (tmp_path / "link").symlink_to(within)
    assert 100_000 <= bytes_under([tmp_path]) - before < 150_000


def test_bytes_under_a_folder_that_went_away(tmp_path: Path) -> None:
    assert bytes_under([tmp_path / "gone"]) == 0
