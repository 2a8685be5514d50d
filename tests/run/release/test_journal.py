"""The journal file, its lock, and which of two entries is gone on with."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from zdmigrate.errors import UsageError
from zdmigrate.run.errors import RefusedError
from zdmigrate.run.release.journal import Entry, Journal, only_one_here, read_journal
from zdmigrate.run.release.prepare import newest


def test_what_is_written_is_read(tmp_path: Path) -> None:
    copies: list[Any] = []
    journal = Journal(tmp_path, copies.append)
    assert journal.read() is None
    entry = journal.begin(new="2", old="1", strategy="rolling", nodes=["web1"])
    entry.marks["web1"] = ["restarted"]
    entry.finished.append("expand")
    journal.write(entry)
    assert journal.read() == entry
    assert [copy["serial"] for copy in copies] == [1, 2]
    assert (entry.has("web1", "restarted"), entry.has("web1", "tested"), entry.has("web2", "tested")) == (
        True, False, False,
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "a"}', '{"surprise": 1}', "\xff"])
def test_a_damaged_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "journal.json").write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=r"journal.json cannot be read \(.+\); move it away"):
        read_journal(tmp_path)


def test_only_one_at_a_time_and_none_after_a_kill(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from zdmigrate.run.release.journal import only_one_here\n"
        "with only_one_here(Path(sys.argv[1])): print('mine', flush=True); time.sleep(600)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "mine\n"
    with (
        pytest.raises(RefusedError, match=rf"another release is at work here: .*\({other.pid}\)"),
        only_one_here(tmp_path),
    ):
        pass
    other.kill()
    other.wait()
    other.stdout.close()
    with only_one_here(tmp_path):
        assert str(os.getpid()) in (tmp_path / "lock").read_text()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written: Not a directory"), only_one_here(tmp_path / "file" / "x"):
        pass


def test_which_entry_is_gone_on_with() -> None:
    def entry(id_: str, serial: int, *, done: bool = False, at: float = 0.0) -> Entry:
        return Entry(id_, "2", "1", "rolling", [], 0.0, serial, state="done" if done else "paused", updated=at)

    local, copy = entry("a", 3), entry("a", 5)
    assert newest(local, asdict(copy)) == copy
    assert newest(copy, asdict(local)) == copy
    assert newest(entry("a", 9, done=True, at=2), asdict(entry("b", 1, at=1))) == entry("b", 1, at=1)
    assert newest(local, None) is local
    assert newest(local, {"no": "entry"}) is local
    assert newest(None, asdict(copy)) == copy
    assert newest(None, None) is None
