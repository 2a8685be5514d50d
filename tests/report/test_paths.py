"""Paths in reports: short below the current directory, whole elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from zdmigrate.report.paths import shown, uri


def test_paths_below_here_are_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(str(tmp_path / "a" / "b.py")) == "a/b.py"
    assert shown("a/b.py") == "a/b.py"
    assert shown("") == ""
    assert uri(str(tmp_path / "a" / "b c.py")) == "a/b%20c.py"


def test_paths_elsewhere_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert shown(str(tmp_path / "b.py")) == (tmp_path / "b.py").as_posix()
    assert shown(str(tmp_path / "here2" / "b.py")) == (tmp_path / "here2" / "b.py").as_posix()
    assert uri(str(tmp_path / "b c.py")) == (tmp_path / "b c.py").as_uri()
