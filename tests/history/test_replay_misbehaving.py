"""Revisions that raise, hang, exit, connect or litter: each ends as a typed reason, and the next one still runs."""

from __future__ import annotations

import logging
import os
import sys
import threading
from pathlib import Path

import pytest

from tests.history.replaying import HISTORIES, replay_of, replayed, revision, sent, write_history
from zdmigrate.errors import UsageError
from zdmigrate.history.recording import RecordedHistory, ReplayErrorKind
from zdmigrate.history.replay import ReplayOptions, replay
from zdmigrate.history.scripts import Scripts

REASONS = [
    ("m01", "raised", 12, "ValueError: no"),
    ("m02", "time_out", None, "did not end within 0.5 seconds"),
    ("m03", "raised", 10, "ends the process (exit status 3)"),
    ("m04", "raised", 10, "ends the process (exit status 3)"),
    ("m05", "raised", 8, "asks the terminal"),
    ("m06", "needs_database", None, "connects to a database by itself"),
    ("m07", "needs_database", 10, "db.example.com"),
    ("m08", "raised", 10, "starts a program (mysql -e DROP TABLE t)"),
    ("m09", "needs_app_configuration", 13, "ZD_NO_SUCH_VARIABLE"),
    ("m10", "needs_app_configuration", 10, "the -x argument shard"),
    ("m11", "import_failed", 3, "the module no_such_module_anywhere cannot be imported"),
    ("m12", "unknown_operation", 10, "op.sync_enum_values; pass the module that registers it with --import"),
    ("m13", "refused", 11, "error 1060, Duplicate column name 'a'"),
    ("m14", "raised", 11, 'recreate="always"'),
    ("m16", "broken_file", None, "no function upgrade()"),
    ("m17", "needs_app_configuration", 10, "'registry'"),
    ("m18", "needs_database", 13, "what a made-up row does not get through (it raises KeyError: 1)"),
]


@pytest.fixture(scope="module")
def misbehaving() -> RecordedHistory:
    return replayed("misbehaving", revision_timeout=0.5)


@pytest.mark.parametrize(("name", "kind", "line", "text"), REASONS)
def test_reason(misbehaving: RecordedHistory, name: str, kind: str, line: int | None, text: str) -> None:
    error = revision(misbehaving, name).error
    assert error is not None
    assert (error.kind, text in error.message) == (kind, True), error.message
    if line is not None:
        assert error.line == line


def test_what_came_before_is_kept(misbehaving: RecordedHistory) -> None:
    assert sent(revision(misbehaving, "m01")) == ["ALTER TABLE t ADD COLUMN a INTEGER"]
    assert sent(revision(misbehaving, "m02")) == ["ALTER TABLE t ADD COLUMN b INTEGER"]
    assert sent(revision(misbehaving, "m14")) == ["ALTER TABLE t ADD COLUMN e INTEGER"]


def test_the_catalog_is_open_after_a_failure(misbehaving: RecordedHistory) -> None:
    assert revision(misbehaving, "m00").after.complete
    assert not revision(misbehaving, "m01").after.complete


def test_nothing_is_left_behind(capfd: pytest.CaptureFixture[str]) -> None:
    before = (os.getcwd(), dict(os.environ), list(sys.path), logging.root.manager.disable, sys.stdout, sys.stdin)
    scripts = Scripts.load(HISTORIES / "misbehaving" / "alembic.ini")
    history = replay(scripts, ReplayOptions(), only=["m00_base", "m19_litter"])
    assert sent(history.revisions[1]) == ["ALTER TABLE t ADD COLUMN g INTEGER"]
    assert (
        os.getcwd(),
        dict(os.environ),
        list(sys.path),
        logging.root.manager.disable,
        sys.stdout,
        sys.stdin,
    ) == before
    assert capfd.readouterr() == ("", "")


def test_time_limit_in_another_thread(tmp_path: Path) -> None:
    found: list[RecordedHistory] = []

    def run() -> None:
        found.append(replay_of(tmp_path, "while True:\n    pass", "op.execute('SELECT 1')", revision_timeout=0.3))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    first, second = found[0].revisions
    assert first.error is not None
    assert first.error.kind is ReplayErrorKind.TIME_OUT
    assert second.error is None


def test_a_plugin_registers_its_operation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zd_test_plugin.py").write_text(
        "from alembic.operations import MigrateOperation, Operations\n"
        "@Operations.register_operation('drop_everything')\n"
        "class DropEverything(MigrateOperation):\n"
        "    @classmethod\n"
        "    def drop_everything(cls, operations, table):\n"
        "        return operations.invoke(cls())\n"
        "@Operations.implementation_for(DropEverything)\n"
        "def drop_everything(operations, operation):\n"
        "    operations.execute('DROP TABLE t')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    history = replay_of(
        tmp_path / "history",
        "op.execute('CREATE TABLE t (a INT)')\nop.drop_everything('t')",
        imports=("zd_test_plugin",),
    )
    assert [item.source for item in history.revisions[0].statements] == ["op.execute", "op.drop_everything"]
    assert history.revisions[0].error is None


def test_a_plugin_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--import zd_absent_plugin failed: ModuleNotFoundError"):
        replay_of(tmp_path, "pass", imports=("zd_absent_plugin",))


def test_a_file_in_another_python(tmp_path: Path) -> None:
    scripts = _with_broken_file(tmp_path)
    broken, after = replay(scripts, ReplayOptions()).revisions[1:]
    assert broken.error is not None
    assert (broken.error.kind, broken.error.line) == ("broken_file", 7)
    assert broken.statements == ()
    assert after.error is None


def _with_broken_file(folder: Path) -> Scripts:
    ini = write_history(folder, "op.execute('CREATE TABLE t (a INT)')", "pass", "op.execute('DROP TABLE t')")
    (folder / "versions" / "r1.py").write_text(
        '"""Step 1."""\nfrom alembic import op\n'
        'revision = "r1"\ndown_revision = "r0"\n\ndef upgrade():\n    print "x"\n'
    )
    return Scripts.load(ini)


@pytest.mark.parametrize(
    ("body", "sql"),
    [
        ("for name in sa.inspect(op.get_bind()).get_table_names():\n    op.drop_table(name)", ["DROP TABLE t"]),
        ("rows = [{'a': 1}, {'a': 2}]\nop.get_bind().execute(sa.insert(sa.table('t', sa.column('a'))), rows)",
         ["INSERT INTO t (a) VALUES (1),(2)"]),
        ("op.execute(sa.text('UPDATE t SET a = :x').bindparams(x='50%'))", ["UPDATE t SET a = '50%'"]),
        ("op.execute(\"UPDATE t SET a = '100%'\")", ["UPDATE t SET a = '100%'"]),
        ("if op.get_context().get_current_revision() == 'r0':\n    op.drop_table('t')", ["DROP TABLE t"]),
        ("op.drop_table('u', if_exists=True)", ["DROP TABLE IF EXISTS u"]),
        ("with op.get_bind().begin_nested():\n    op.drop_table('t')", None),
        ("op.get_bind().engine.connect().execute(sa.text('DROP TABLE t'))", ["DROP TABLE t"]),
        ("if op.get_bind().execute(sa.text('SELECT @@version')).scalar() == '8.4.99':\n    op.drop_table('t')",
         ["DROP TABLE t"]),
    ],
)  # fmt: skip
def test_small_things(tmp_path: Path, body: str, sql: list[str] | None) -> None:
    recorded = replay_of(tmp_path, "op.execute('CREATE TABLE t (a VARCHAR(9))')", body).revisions[1]
    assert recorded.error is None
    if sql is None:
        assert "DROP TABLE t" in sent(recorded)
    else:
        assert sent(recorded) == sql
