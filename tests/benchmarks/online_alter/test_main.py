"""The command: what it leaves out, what it ends with; and, in the soak, whole runs on small tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.online_alter.__main__ import main, measure
from benchmarks.online_alter.contenders import Contender, Plain, ReplicaFirst
from benchmarks.online_alter.figures import Result


def test_a_missing_peer_is_named_and_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("GH_OST", raising=False)
    file = tmp_path / "figures.json"
    assert main(["--only", "gh-ost", "--json", str(file)]) == 0
    said = capsys.readouterr()
    assert "gh-ost was not found: no gh-ost on PATH, and GH_OST is not set" in said.out
    assert "it is left out" in said.err
    (only,) = json.loads(file.read_text())["results"]
    assert (only["contender"], only["is_missing"]) == ("gh-ost", True)


def test_an_unknown_contender_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "spirit"])
    assert "invalid choice: 'spirit'" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [("--rows", "0"), ("--rate", "0"), ("--seconds", "-1")])
def test_a_load_of_nothing_is_refused(wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(wrong)
    assert "have to be above 0" in capsys.readouterr().err


@pytest.mark.soak
@pytest.mark.parametrize("contender", [Plain(), ReplicaFirst()], ids=lambda one: one.name)
def test_a_small_table(contender: Contender) -> None:
    result, server = measure(contender, 2000, 50, 1)
    assert isinstance(result, Result), result
    assert server.startswith(("8.", "9."))
    assert result.wrong == ()
    assert result.writes_before.count > 0
    assert result.writes_during.count > 0
    assert 0 < result.command <= result.both
    assert all(grown > 0 for grown in result.disk.values())


@pytest.mark.soak
def test_a_contender_that_fails_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "gh-ost"
    program.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 1.2.3 && exit\necho 'nothing works'; exit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("GH_OST", str(program))
    assert main(["--only", "gh-ost", "--rows", "2000", "--seconds", "1"]) == 1
    assert "gh-ost failed: nothing works" in capsys.readouterr().out
