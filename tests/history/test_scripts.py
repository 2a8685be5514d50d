"""Finding and ordering revisions; a history that is no graph is one clear sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.history.replaying import HISTORIES, replayed, revision, write_history
from zdmigrate.errors import UsageError
from zdmigrate.history.scripts import Scripts


def _file(folder: Path, name: str, body: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(body)


def _revision(folder: Path, revision: str, down: str = "None", more: str = "") -> None:
    _file(folder, f"{revision}.py", f'"""{revision}."""\nrevision = "{revision}"\ndown_revision = {down}\n{more}\n')


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s\n")
    return tmp_path / "versions"


def _load(versions: Path) -> Scripts:
    return Scripts.load(versions.parent / "alembic.ini")


@pytest.fixture(scope="module")
def branches() -> Scripts:
    return Scripts.load(HISTORIES / "branches" / "alembic.ini")


def test_parents_come_first(branches: Scripts) -> None:
    assert [item.revision[:2] for item in branches] == ["b1", "b2", "b3", "k1", "k2", "m1"]
    assert branches.heads == ("m1000000",)
    assert branches.get("k1000000").depends_on == ("b3000000",)
    assert branches.get("m1000000").down_revisions == ("b3000000", "k2000000")
    assert branches.get("b1000000").message == "Begin."


def test_declared_phases(branches: Scripts) -> None:
    declared = {item.revision[:2]: item.declared for item in branches}
    assert declared == {
        "b1": None,
        "b2": "expand",
        "b3": "expand",
        "k1": "contract",
        "k2": "contract",
        "m1": "contract",
    }
    assert branches.get("k2000000").branch_labels == ("contract",)
    assert revision(replayed("branches"), "k1").declared == "contract"


def test_resolving(branches: Scripts) -> None:
    assert branches.resolve("b2") == ("b2000000",)
    assert branches.resolve("head") == ("m1000000",)
    assert branches.resolve("base") == ()
    assert branches.resolve("k1000000", "b2000000") == ("k1000000", "b2000000")
    assert [item.revision[:2] for item in branches.upgrade_path(["b2000000"], ["k1000000"])] == ["b3", "k1"]
    assert [item.revision[:2] for item in branches.upgrade_path(["k2000000"])] == ["m1"]
    with pytest.raises(UsageError, match="'nope' is no revision of"):
        branches.resolve("nope")
    with pytest.raises(UsageError, match="there is no revision 'nope'"):
        branches.get("nope")


def test_several_heads(versions: Path) -> None:
    _revision(versions, "a111")
    _revision(versions, "b222", '"a111"')
    _revision(versions, "b223", '"a111"')
    scripts = _load(versions)
    assert scripts.heads == ("b222", "b223")
    assert scripts.resolve("heads") in (("b222", "b223"), ("b223", "b222"))
    with pytest.raises(UsageError, match=r"names several revisions \(b22.*or heads"):
        scripts.resolve("head")
    with pytest.raises(UsageError, match="'b2' is the beginning of several revisions"):
        scripts.resolve("b2")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([("a", '"b"'), ("b", '"a"')], "has a cycle"),
        ([("a", '"a"')], "has a cycle"),
        ([("a", '"zz"')], "revision a comes after zz, which does not exist"),
        ([], "there are no revisions in"),
    ],
)
def test_no_graph(versions: Path, files: list[tuple[str, str]], sentence: str) -> None:
    versions.mkdir()
    for name, down in files:
        _revision(versions, name, down)
    with pytest.raises(UsageError) as caught:
        _load(versions)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_files_with_one_id(versions: Path) -> None:
    _revision(versions, "a")
    _file(versions, "other.py", 'revision = "a"\ndown_revision = None\n')
    with pytest.raises(UsageError, match="two files are revision a"):
        _load(versions)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("def broken(:\n", "is not valid Python (line 1) and names no revision"),
        ('down_revision = "a"\n', "names no revision"),
        ("revision = 7\n", "says revision = 7; it must be a string"),
        ('revision = "x"\ndown_revision = 3\n', "says down_revision = 3"),
        ('revision = "x"\n# zdmigrate: phase contrct\n', "declares the phase 'contrct'"),
        ('revision = "x"\n# zdmigrate: phase expand\n# zdmigrate: phase contract\n', "declares both phases"),
    ],
)
def test_a_file_that_cannot_be_placed(versions: Path, body: str, sentence: str) -> None:
    _revision(versions, "a")
    _file(versions, "other.py", body)
    with pytest.raises(UsageError) as caught:
        _load(versions)
    assert sentence in str(caught.value)


def test_a_phase_in_a_docstring_is_none(versions: Path) -> None:
    """A text that speaks of the mark does not make it."""
    _file(versions, "a.py", '"""Later:\n\n# zdmigrate: phase contract\n"""\nrevision = "a"\ndown_revision = None\n')
    assert [item.declared for item in _load(versions)] == [None]


def test_helpers_among_the_revisions_are_passed_over(versions: Path) -> None:
    _revision(versions, "a")
    _file(versions, "helpers.py", "def help_me():\n    pass\n")
    assert len(_load(versions)) == 1


def test_identifiers_that_are_not_plain_literals(versions: Path) -> None:
    _file(versions, "a.py", 'BASE = "a" + "b"\nrevision: str = BASE\ndown_revision: str | None = None\n')
    _file(versions, "c.py", 'PARENTS = ["ab"]\nrevision = "c"\ndown_revision = tuple(PARENTS)\nbranch_labels = {"x"}\n')
    scripts = _load(versions)
    assert [item.revision for item in scripts] == ["ab", "c"]
    assert scripts.get("c").down_revisions == ("ab",)
    assert scripts.get("c").branch_labels == ("x",)


def test_identifiers_from_a_module_that_is_missing(versions: Path) -> None:
    _revision(versions, "a")
    _file(
        versions,
        "b.py",
        'from absent_app import LABEL\nrevision = "b"\ndown_revision = "a"\nbranch_labels = (LABEL,)\n',
    )
    found = _load(versions).get("b")
    assert found.error is not None
    assert found.error.kind == "import_failed"
    assert "branch_labels is computed" in found.error.message
    stubbed = Scripts.load(versions.parent / "alembic.ini", stub_imports=True).get("b")
    assert stubbed.error is not None
    assert "a stand-in cannot say it" in stubbed.error.message


def test_partial_parents_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _revision(tmp_path / "app" / "migrations" / "versions" / "2024", "abcdef123456")
    _revision(tmp_path / "app" / "migrations" / "versions" / "2025", "fedcba654321", '"abcdef"')
    (tmp_path / "app" / "__init__.py").write_text("raise RuntimeError('never imported')\n")
    (tmp_path / "alembic.ini").write_text(
        "[alembic]\nscript_location = app:migrations\nrecursive_version_locations = true\nprepend_sys_path = .\n"
    )
    monkeypatch.chdir(tmp_path)
    scripts = Scripts.load(Path("alembic.ini"))
    assert scripts.get("fedcba654321").down_revisions == ("abcdef123456",)


def test_locations_without_a_configuration(tmp_path: Path) -> None:
    write_history(tmp_path / "one", "pass")
    _revision(tmp_path / "more", "extra", '"r0"')
    scripts = Scripts.load(
        script_location=str(tmp_path / "one"),
        version_locations=[str(tmp_path / "one" / "versions"), str(tmp_path / "more")],
    )
    assert [item.revision for item in scripts] == ["r0", "extra"]


def test_pyproject(tmp_path: Path) -> None:
    write_history(tmp_path / "migrations", "pass")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.alembic]\nscript_location = "%(here)s/migrations"\n'
        'version_locations = ["%(here)s/migrations/versions"]\n'
    )
    assert len(Scripts.load(tmp_path / "pyproject.toml")) == 1


@pytest.mark.parametrize(
    ("ini", "sentence"),
    [
        (None, "there is no configuration file"),
        ("[alembic]\n", "has no script_location"),
        ("script_location = x\n", "cannot be read"),
        ("[alembic]\nscript_location = %(nowhere)s\n", "cannot be read"),
        ("[alembic]\nscript_location = /no/such/folder\n", "there is no such folder"),
        ("[alembic]\nscript_location = absent_package:migrations\n", "the package absent_package is not installed"),
        ("[alembic]\nscript_location = %(here)s\n", "has no folder versions"),
    ],
)
def test_a_configuration_that_cannot_be_used(tmp_path: Path, ini: str | None, sentence: str) -> None:
    path = tmp_path / "alembic.ini"
    if ini is not None:
        path.write_text(ini)
    with pytest.raises(UsageError) as caught:
        Scripts.load(path)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_given() -> None:
    with pytest.raises(UsageError, match=r"there is no alembic\.ini here; pass the app's"):
        Scripts.load()
