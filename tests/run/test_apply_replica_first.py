"""Replica-first groups inside `apply`: held, moved back, killed and gone on with; the report of it all."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.apps import App
from tests.run.applying import wait
from tests.run.conftest import topology_file
from tests.run.ledger import Ledger
from tests.run.test_reports import report_in
from tests.run.test_switchover import writable_nodes
from tests.servers.replication import Replication

#: ALTERs that old and new code both survive; the second is a rebuild, which leaves no trace in a definition.
WIDER = 'op.alter_column("users", "name", type_=sa.String(300), existing_type=sa.String(50), existing_nullable=False)'
REBUILD = 'op.execute("ALTER TABLE users ENGINE=InnoDB")'
ACCEPT = (
    "--accept", "no-standby", "--accept", "privileged-writers", "--accept", "bbbb2", "--because", "a test",
)  # fmt: skip
REPLICA_FIRST = ("--strategy", "replica-first", "--yes", *ACCEPT)

KILLED = """
import os, signal, sys
from pathlib import Path
from zdmigrate.assemble import Request
from zdmigrate.config import load_settings
from zdmigrate.run.apply import apply
from zdmigrate.run.order import Order
from zdmigrate.run.policy import Policy
from zdmigrate.run.selection import Asked
from zdmigrate.run.topology import read_topology
def die(point):
    if point == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
accept = ("no-standby", "privileged-writers", "bbbb2")
order = Order(Request(load_settings(Path("alembic.ini"))), read_topology(Path(sys.argv[1])),
              Asked(None, "replica-first", dict.fromkeys(accept, "a test")), Policy(accept=frozenset(accept)))
apply(order, lambda prepared: True, at=die)
"""


KILLED_AUTO = KILLED.replace('"replica-first"', '"auto"').replace('"bbbb2")', '"bbbb2", "cccc3")')


def begun(pair: Replication, app: App, monkeypatch: pytest.MonkeyPatch, *upgrade: str) -> str:
    """The app's `users` with rows on both nodes, at aaaa1; bbbb2 has these lines. The topology file."""
    path = topology_file(pair, app.folder, monkeypatch)
    path.write_text(re.sub(r'(url = "[^"]*)"', r'\1shop"', path.read_text()))
    pair.primary.execute("CREATE DATABASE shop")
    pair.wait_caught_up()
    app.users(*upgrade)
    assert app.run("apply", "--topology", path.name, "--yes", "--to", "aaaa1").code == 0
    pair.primary.execute("INSERT INTO shop.users (name) VALUES ('Ana'), ('Bo')")
    pair.wait_caught_up()
    return path.name


def ended(pair: Replication, serving: str) -> None:
    """Both nodes have the new schema and version, and the rows; `serving` is the primary."""
    assert writable_nodes(pair) == [serving]
    primary = next(node for node in pair.nodes if node.name == serving)
    pair.wait_caught_up(source=primary)
    for node in pair.nodes:
        assert "varchar(300)" in str(node.execute("SHOW CREATE TABLE shop.users"))
        assert node.value("SELECT version_num FROM shop.alembic_version") == "bbbb2"
        assert node.value("SELECT COUNT(*) FROM shop.users") == 2
    assert primary.execute("SELECT DISTINCT state FROM zdmigrate.run") == [("done",)]


def test_held_until_a_person_says_go_then_there_and_back_with_a_report(
    mysql_replication: Replication, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = mysql_replication
    topology = begun(pair, app, monkeypatch, WIDER)
    with Ledger(pair.nodes, writers=2, pause=0.02) as ledger:
        tool = app.process(
            "apply", "--topology", topology, *REPLICA_FIRST, "--hold-before", "switchover", "--then-switch-back",
            "--report", "reports",
        )  # fmt: skip
        wait(lambda: asked_to_pause(pair), "it waits before the switchover", 120)
        assert "varchar(300)" in str(pair.replica.execute("SHOW CREATE TABLE shop.users"))
        assert writable_nodes(pair) == ["a"]
        status = app.run("status", "--topology", topology).out
        assert "the replicas get the ALTERs" in status
        assert re.search(r"b +1 of 1 ALTER\(s\); equal: 2 rows of users", status), status
        assert re.search(r"a +0 of 1 ALTER\(s\)", status), status
        resumed = app.run("resume", "--topology", topology)
        assert (resumed.code, "goes on" in resumed.out) == (0, True), resumed.err
        out, err = tool.communicate(timeout=240)
        assert tool.returncode == 0, (out, err)
        ledger.wait_for(4)
    pair.wait_caught_up()
    ledger.check(pair.nodes)
    ended(pair, "a")
    found = report_in(app.folder / "reports")
    assert (found.run.kind, found.run.outcome) == ("apply", "done")
    assert [item.equal for item in found.checksums] == [True, True]
    assert [item.ended for item in found.blocked] == ["promoted", "promoted"]
    assert found.accepted["no-standby"] == "a test"
    (revision,) = found.revisions
    assert [change.way for change in revision.changes] == ["replica-first"]
    restored = {item.name: item.restored for item in found.settings if item.restored is not None}
    assert restored["replica_type_conversions"] is True
    assert "point-in-time recovery" in " ".join(found.run.notes)
    assert any("sql_log_bin" in item.sql for item in found.statements)
    assert "note: each node needs about" in out


def asked_to_pause(pair: Replication) -> bool:
    rows = pair.primary.execute(
        "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'zdmigrate' AND TABLE_NAME = 'request'"
    )
    return bool(rows) and pair.primary.value("SELECT COUNT(*) FROM zdmigrate.request WHERE verb = 'pause'") == 1


STEPS = ("alter b", "compare b", "switchover", "freeze", "promote", "flip", "replicates", "alter a", "compare a")
#: Before and past the point of no return; with `resume` between, and without.
FEW = {("mysql", "switchover", "apply"), ("mariadb", "alter a", "resume"), ("mariadb", "flip", "apply")}


@pytest.mark.parametrize(
    ("kind", "step", "how"),
    [
        pytest.param(kind, step, how, marks=() if (kind, step, how) in FEW else pytest.mark.soak)
        for kind in ("mysql", "mariadb")
        for step in STEPS
        for how in ("apply", "resume")
    ],
)
def test_killed_in_the_middle_and_gone_on_with(
    request: pytest.FixtureRequest, app: App, monkeypatch: pytest.MonkeyPatch, kind: str, step: str, how: str
) -> None:
    """By the same command again, or by `resume` first; neither ALTER is made twice, not even one without a trace."""
    pair: Replication = request.getfixturevalue(f"{kind}_replication")
    topology = begun(pair, app, monkeypatch, WIDER, REBUILD)
    root = str(Path(__file__).parents[2])
    tool = subprocess.run(
        [sys.executable, "-c", KILLED, topology, f"step:{step}"],
        cwd=app.folder, env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True, check=False,
        timeout=240,
    )  # fmt: skip
    assert tool.returncode == -signal.SIGKILL, (tool.stdout, tool.stderr)
    if how == "resume":
        resumed = app.run("resume", "--topology", topology, "--accept", "privileged-writers", "--accept", "no-standby")
        assert resumed.code == 5, (resumed.out, resumed.err)
        assert "next: zdmigrate apply" in resumed.err
    result = app.run("apply", "--topology", topology, *REPLICA_FIRST)
    assert result.code in (0, 5), (result.out, result.err)
    ended(pair, "b")
    done = pair.replica.execute("SELECT item FROM zdmigrate.statement WHERE state = 'done' ORDER BY item")
    assert [row[0] for row in done if row[0].startswith("bbbb2")] == ["bbbb2", "bbbb2:0", "bbbb2:1"]
    switches = pair.replica.value("SELECT COUNT(*) FROM zdmigrate.run WHERE kind = 'replica-first'")
    assert switches == 1, "the group was made once"


#: Reads rows and fills a column of its own with what they lead to.
READS_ROWS = (
    'op.add_column("users", sa.Column("slug", sa.String(50)))',
    "bind = op.get_bind()",
    'for row in bind.execute(sa.text("SELECT id, name FROM users WHERE slug IS NULL ORDER BY id")).fetchall():',
    '    bind.execute(sa.text("UPDATE users SET slug = :s WHERE id = :id"), {"s": row.name.lower(), "id": row.id})',
)


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_a_revision_that_reads_rows_runs_on_the_new_primary(
    request: pytest.FixtureRequest, app: App, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """After a group that moved the primary, in the same run, which is killed in its loop and gone on with."""
    pair: Replication = request.getfixturevalue(f"{kind}_replication")
    topology = begun(pair, app, monkeypatch, WIDER)
    app.revision("cccc3", *READS_ROWS, down="bbbb2")
    monkeypatch.setattr("zdmigrate.verdict.strategy.SMALL_ROWS", 1)
    tool = subprocess.run(
        [sys.executable, "-c", f"import zdmigrate.verdict.strategy as s; s.SMALL_ROWS = 1\n{KILLED_AUTO}", topology,
         "done:cccc3:1"],
        cwd=app.folder, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, capture_output=True,
        text=True, check=False, timeout=240,
    )  # fmt: skip
    assert tool.returncode == -signal.SIGKILL, (tool.stdout, tool.stderr)
    assert writable_nodes(pair) == ["b"]
    assert pair.replica.execute("SELECT slug FROM shop.users ORDER BY id") == [("ana",), (None,)]
    result = app.run("apply", "--topology", topology, "--yes", *ACCEPT)
    assert result.code == 0, (result.out, result.err)
    assert writable_nodes(pair) == ["b"]
    pair.wait_caught_up(source=pair.replica)
    for node in pair.nodes:
        assert "varchar(300)" in str(node.execute("SHOW CREATE TABLE shop.users"))
        assert node.execute("SELECT slug FROM shop.users ORDER BY id") == [("ana",), ("bo",)]
        assert node.value("SELECT version_num FROM shop.alembic_version") == "cccc3"


def test_a_name_that_means_nothing_is_a_mistake(
    mysql_replication: Replication, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = mysql_replication
    topology = begun(pair, app, monkeypatch, WIDER)
    result = app.run("apply", "--topology", topology, "--yes", "--accept", "bbbb2:7", "--because", "a test")
    assert (result.code, "bbbb2:7: nothing is called that" in result.err) == (2, True), result.err
    assert "of this plan: bbbb2, bbbb2:0" in result.err
    again = app.run("apply", "--topology", topology, "--yes", "--to", "aaaa1", "--accept", "aaaa1", "--because", "t")
    assert again.code == 0, "a revision that is done may be named still"


def test_what_is_not_accepted_and_what_the_servers_say_are_refused_together(
    mysql_replication: Replication, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    topology = begun(mysql_replication, app, monkeypatch, WIDER.replace("300", "20"))
    result = app.run("apply", "--topology", topology, "--strategy", "replica-first", "--yes")
    assert result.code == 6, result.err
    assert "bbbb2:0" in result.err
    assert "--accept no-standby" in result.err
