"""Where the peers' programs are looked for, what they are given, and how their end is told."""

from __future__ import annotations

import json
import stat
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy.engine import make_url

from benchmarks.online_alter.contenders import (
    CONTENDERS,
    Command,
    FailedError,
    GhOst,
    Plain,
    PtOnlineSchemaChange,
    ReplicaFirst,
    run,
    version_in,
)
from benchmarks.online_alter.shop import Shop

SECRET = "s3cret-of-the-tool"


@pytest.fixture(autouse=True)
def no_peers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty PATH, and nothing in the environment that names a program."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for contender in CONTENDERS:
        if contender.variable:
            monkeypatch.delenv(contender.variable, raising=False)
    return folder


@pytest.fixture
def shop() -> Shop:
    urls = [make_url(f"mysql+pymysql://tool:{SECRET}@127.0.0.1:{port}/shop") for port in (4001, 4002)]
    return cast(Shop, SimpleNamespace(tool=urls))


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_peer_is_found_on_path(no_peers: Path) -> None:
    assert "no gh-ost on PATH, and GH_OST is not set" in GhOst().is_missing()
    program(no_peers / "gh-ost", "print('1.1.7 (git commit: abc)')")
    assert GhOst().is_missing() == ""
    assert GhOst().version() == "1.1.7"


def test_the_environment_names_another_one(no_peers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(no_peers / "pt-online-schema-change", "print('pt-online-schema-change 3.2.1')")
    newer = program(tmp_path / "newer", "import sys; print('pt-online-schema-change 3.7.1', file=sys.stderr)")
    monkeypatch.setenv("PT_ONLINE_SCHEMA_CHANGE", str(newer))
    assert PtOnlineSchemaChange().version() == "3.7.1"


def test_one_that_cannot_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tmp_path / "text"
    plain.write_text("no program")
    for path in (plain, tmp_path / "nowhere"):
        monkeypatch.setenv("GH_OST", str(path))
        assert GhOst().is_missing() == f"{path}, which GH_OST names, cannot be run"


def test_a_relative_path_holds_in_the_folder_of_the_run(
    no_peers: Path, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GH_OST", "./own")
    own = program(tmp_path / "own", "")
    assert GhOst().prepare(shop, no_peers).words[0] == str(own)


def test_ours_and_the_plain_one_need_nothing() -> None:
    assert Plain().is_missing() == ReplicaFirst().is_missing() == ""
    assert Plain().note(Path("nowhere")) == ""


@pytest.mark.parametrize(
    ("said", "version"),
    [("gh-ost 1.1.7-rc1", "1.1.7"), ("145799e (git: 145799e)\n", "145799e (git: 145799e)"), ("", "unknown")],
)
def test_version_in(said: str, version: str) -> None:
    assert version_in(said) == version


@pytest.mark.parametrize("contender", [PtOnlineSchemaChange(), GhOst(), Plain()], ids=lambda one: one.name)
def test_no_password_on_a_command_line(
    contender: Plain | GhOst | PtOnlineSchemaChange, no_peers: Path, shop: Shop, tmp_path: Path
) -> None:
    if contender.program:
        program(no_peers / contender.program, "")
    folder = tmp_path / "own"
    folder.mkdir()
    command = contender.prepare(shop, folder)
    assert SECRET not in " ".join(command.words)
    files = list(folder.iterdir())
    assert bool(files) == bool(contender.program)
    for path in files:
        assert SECRET in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_gh_ost_reads_the_replica_and_writes_to_the_primary(no_peers: Path, shop: Shop, tmp_path: Path) -> None:
    program(no_peers / "gh-ost", "")
    words = GhOst().prepare(shop, tmp_path).words
    assert "--port=4002" in words
    assert "--assume-master-host=127.0.0.1:4001" in words


def test_what_failed_says_its_last_lines(tmp_path: Path) -> None:
    script = "import sys; print('first'); sys.stdout.flush(); sys.exit('no such table')"
    with pytest.raises(FailedError, match="ended with code 1\nfirst\nno such table"):
        run(Command([sys.executable, "-c", script]), tmp_path, 60)


def test_what_does_not_end_is_ended(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(FailedError, match="had not ended after 1 s"):
        run(Command([sys.executable, "-c", "import time; time.sleep(120)"]), tmp_path, 1)
    assert time.monotonic() - began < 60


def test_a_command_gets_its_environment_and_nothing_that_configures_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZDMIGRATE_URL", "elsewhere")
    script = "import os; print(os.environ['BENCH_X'], os.environ.get('ZDMIGRATE_URL'), os.getcwd())"
    run(Command([sys.executable, "-c", script], {"BENCH_X": "here"}), tmp_path, 60)
    assert (tmp_path / "said.txt").read_text().split() == ["here", "None", str(tmp_path.resolve())]


def test_the_note_of_our_run_comes_from_its_report(tmp_path: Path) -> None:
    assert ReplicaFirst().note(tmp_path) == ""
    (tmp_path / "reports").mkdir()
    report = {"steps": [{"name": "alter b", "node": "b", "seconds": 2.0}], "blocked": [{"milliseconds": 4.4}]}
    (tmp_path / "reports" / "20260301T120000Z-apply-00.json").write_text(json.dumps(report))
    assert ReplicaFirst().note(tmp_path) == "alter b 2.0 s, writes blocked 4 ms"
