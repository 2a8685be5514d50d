"""`--stub-imports`: what a missing module touches is unknown and says so; what it does not touch is recorded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.history.replaying import replay_of, replayed, revision, sent
from zdmigrate.history.recorder.standin import MARK
from zdmigrate.history.recorder.stubs import stand_ins
from zdmigrate.history.recording import RecordedHistory

UNKNOWN = [
    ("s02", "absent_types", "calls absent_types.UUIDType"),
    ("s03", "absent_app", "asks for the truth of absent_app.settings.FEATURE"),
    ("s04", "absent_app", "calls absent_app.helpers.create_index"),
    ("s05", "absent_app", "sends absent_app.constants.NAME"),
    ("s06", "absent_app", "sends absent_app.constants.VALUE"),
    ("s07", "absent_app", "sends absent_app.only_on()"),
    ("s08", "absent_app", "loops over absent_app.TABLES"),
    ("s09", "absent_app", "takes a number from absent_app.LENGTH"),
]
KNOWN = {
    "s00": ["CREATE TABLE t ( id INTEGER NOT NULL AUTO_INCREMENT, PRIMARY KEY (id) )"],
    "s01": ["ALTER TABLE t ADD COLUMN a INTEGER"],
    "s10": ["ALTER TABLE t ADD COLUMN b INTEGER"],
    "s11": ["ALTER TABLE t ADD COLUMN c VARCHAR(30)"],
    "s12": ["ALTER TABLE t ADD COLUMN d INTEGER"],
}


@pytest.fixture(scope="module")
def stubbed() -> RecordedHistory:
    return replayed("stubbed", stub_imports=True)


@pytest.mark.parametrize(("name", "module", "use"), UNKNOWN)
def test_what_depends_on_a_stand_in_is_unknown(stubbed: RecordedHistory, name: str, module: str, use: str) -> None:
    recorded = revision(stubbed, name)
    assert recorded.error is not None
    assert recorded.error.kind == "import_failed"
    assert f"depends on {module}," in recorded.error.message
    assert use in recorded.error.message
    assert recorded.error.line > 0
    assert all(item.inert for item in recorded.statements)


@pytest.mark.parametrize("name", KNOWN)
def test_what_does_not_is_recorded(stubbed: RecordedHistory, name: str) -> None:
    recorded = revision(stubbed, name)
    assert recorded.error is None
    assert sent(recorded) == KNOWN[name]
    assert not any(item.inert for item in recorded.statements)


def test_a_column_of_an_unknown_type_exists(stubbed: RecordedHistory) -> None:
    table = stubbed.revisions[-1].after.table("t")
    assert table is not None
    assert table.column("uuid") is not None


def test_without_stand_ins_the_import_is_named() -> None:
    history = replayed("stubbed")
    error = revision(history, "s03").error
    assert error is not None
    assert error.kind == "import_failed"
    assert error.message.startswith("the module absent_app cannot be imported")
    assert "--stub-imports" in error.message


def test_no_trace_is_left(stubbed: RecordedHistory) -> None:
    assert [name for name in sys.modules if name.startswith("absent_")] == []
    assert "half" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        __import__("absent_app")


def test_a_stand_in_does_nothing_everywhere() -> None:
    with stand_ins() as book:
        assert book is not None
        import absent_library  # type: ignore[import-not-found]
        from absent_library.deep.er import thing  # type: ignore[import-not-found]

        class Derived(absent_library.Base, absent_library.Mixin):  # type: ignore[misc]
            value = 1

        def function() -> int:
            return 7

        assert absent_library.decorator(function) is function
        assert absent_library.route("/", methods=["GET"])(function) is function
        assert Derived().value == 1
        assert Derived.query.filter(thing == 1).all() is not None
        assert list(thing) == []
        assert not thing
        assert len(thing) == 0
        assert int(thing) == 1
        assert "x" not in thing
        assert (thing | None) is not None
        assert f"{thing}" == str(thing) == thing + "" == "" + thing
        assert str(thing).startswith(MARK)
        assert issubclass(absent_library.NotThereError, Exception)
        assert not isinstance(3, thing)
        with thing as entered:
            assert entered is thing
        assert book.notes == []


def test_a_table_that_an_unknown_revision_may_have_changed_is_asked_about_in_vain(tmp_path: Path) -> None:
    history = replay_of(
        tmp_path,
        """
        op.execute("CREATE TABLE t (id INT PRIMARY KEY, a INT)")
        """,
        """
        import nobody_has_this
        for name in nobody_has_this.COLUMNS:
            op.create_index(f"ix_{name}", "t", [name])
        """,
        """
        for index in sa.inspect(op.get_bind()).get_indexes("t"):
            op.drop_index(index["name"], "t")
        """,
        """
        op.execute("CREATE TABLE u (id INT PRIMARY KEY)")
        sa.inspect(op.get_bind()).get_indexes("u")
        """,
        stub_imports=True,
    )
    kinds = [item.error and item.error.kind.value for item in history.revisions]
    assert kinds == [None, "import_failed", "needs_database", None]


def test_a_package_that_decided_on_a_stand_in_while_it_was_loaded_taints_what_imports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "zd_shop_under_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "names.py").write_text(
        'from nobody_has_this import settings\n\nTABLE = "orders" if settings.NEW else "old_orders"\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    history = replay_of(
        tmp_path / "history",
        """
        from zd_shop_under_test.names import TABLE
        op.execute(f"CREATE TABLE {TABLE} (id INT PRIMARY KEY)")
        """,
        """
        op.execute("CREATE TABLE u (id INT PRIMARY KEY)")
        """,
        stub_imports=True,
    )
    guessed, known = history.revisions
    assert guessed.error is not None
    assert guessed.error.kind == "import_failed"
    assert "asks for the truth of nobody_has_this.settings.NEW" in guessed.error.message
    assert known.error is None
