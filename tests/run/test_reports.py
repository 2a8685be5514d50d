"""Reports that commands leave, of runs on real pairs: done, there and back, given up, refused."""

import os
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.run.applying import execute
from tests.run.conftest import topology_file
from tests.run.test_switchover import writable_nodes
from tests.servers.replication import Replication
from zdmigrate.cli import run
from zdmigrate.report import run_json
from zdmigrate.report.run_document import Document


def report_in(folder: Path) -> Document:
    """The one report there, whose page has no password and no less."""
    (path,) = folder.glob("*.json")
    page = path.with_suffix(".html").read_text()
    found = run_json.read(path.read_bytes())
    assert found.run.id in page
    for name, value in os.environ.items():
        if "PASSWORD" in name and value:
            assert value not in path.read_text() + page
    return found


def test_there_and_back(any_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = any_replication
    topology = topology_file(pair, tmp_path, monkeypatch)
    folder = tmp_path / "reports"
    code = run(
        ["switchover", "--topology", str(topology), "--to", "b", "--yes", "--then-switch-back", "--report", str(folder)]
    )
    assert code in (0, 5)
    assert writable_nodes(pair) == ["a"]
    found = report_in(folder)
    assert (found.run.kind, found.run.outcome, found.run.exit_code) == ("switchover", "done", code)
    assert (found.run.old_primary, found.run.new_primary) == ("a", "b")
    assert [item.ended for item in found.blocked] == ["promoted", "promoted"]
    frozen = [step.node for step in found.steps if step.name == "freeze"]
    assert frozen == ["a", "b"], "on the way back the roles are the other way round"
    assert [node.writable for node in found.servers.after] == [node.writable for node in found.servers.before]
    assert {item.name for item in found.settings} >= {"read_only"}
    assert any("read_only" in item.sql for item in found.statements)
    assert any(item.node == "b" for item in found.lag)


def test_given_up(
    mariadb_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state_folder: Path
) -> None:
    pair = mariadb_replication
    topology = topology_file(pair, tmp_path, monkeypatch)
    pair.primary.execute("CREATE DATABASE shop")
    pair.primary.execute("CREATE TABLE t (id INT PRIMARY KEY)", database="shop")
    pair.wait_caught_up()
    with pair.primary.connect() as busy:
        busy.cursor().execute("LOCK TABLES shop.t WRITE")
        code = run(["switchover", "--topology", str(topology), "--to", "b", "--yes", "--accept", "privileged-writers"])
    assert code == 4
    found = report_in(state_folder / "reports")
    assert (found.run.outcome, found.run.exit_code) == ("aborted", 4)
    assert "a serves as before" in found.run.message
    assert [item.ended for item in found.blocked] == ["let on again"]
    assert found.accepted == {"privileged-writers": ""}
    assert writable_nodes(pair) == ["a"]


def test_refused_leaves_none_and_a_folder_that_cannot_be_written_is_only_told(
    mysql_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = mysql_replication
    topology = topology_file(pair, tmp_path, monkeypatch)
    command = ["switchover", "--topology", str(topology), "--yes", "--report"]
    pair.replica.stop_replication("applier")
    assert run([*command, str(tmp_path / "none"), "--to", "b"]) == 6
    assert not (tmp_path / "none").exists()
    pair.replica.start_replication()
    assert run([*command, str(tmp_path / "none"), "--to", "b", "--accept", "sql_modes"]) == 2
    assert "--accept sql_modes: nothing is called that" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert run([*command, str(tmp_path / "file" / "below"), "--to", "b"]) == 0
    assert "the report was not written" in capsys.readouterr().err
    assert writable_nodes(pair) == ["b"]


def test_a_backfill(mysql_url: str, tmp_path: Path) -> None:
    execute(mysql_url, "CREATE TABLE t (id INT PRIMARY KEY, n INT)", "INSERT INTO t (id) VALUES (1), (2), (3)")
    command = ["backfill", "--url", mysql_url, "--report", str(tmp_path)]
    try:
        assert run([*command, "UPDATE t SET n = 1 WHERE n IS NULL"]) == 0
        found = report_in(tmp_path)
        assert (found.run.kind, found.run.outcome, found.run.continued) == ("backfill", "done", False)
        assert found.run.figures["rows changed"] == 3
        assert found.run.figures["rows left"] == 0
        assert "'UPDATE t SET n = 1 WHERE n IS NULL'" in found.run.command
        password = make_url(mysql_url).password
        assert not password or str(password) not in found.run.command
        assert any(item.sql.startswith("UPDATE") for item in found.statements)
        assert run([*command, "UPDATE nowhere SET n = 1 WHERE n IS NULL"]) != 0
        assert len(list(tmp_path.glob("*.json"))) == 1, "refused: nothing was changed"
    finally:
        execute(mysql_url, "DROP DATABASE IF EXISTS zdmigrate")
