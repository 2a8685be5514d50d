"""Settings: where they come from, which wins, and what is said of one that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps import ADD_AGE, App, assert_one_sentence
from zdmigrate.config import Settings, expand_variables, find_config, load_settings
from zdmigrate.errors import UsageError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_any_file_the_defaults_hold() -> None:
    assert find_config(None, {}) is None
    assert load_settings(None, {}) == Settings()


def test_the_configuration_is_found_as_alembic_finds_it() -> None:
    Path("pyproject.toml").write_text("[tool.alembic]\nscript_location = 'x'\n")
    assert find_config(None, {}) == Path("pyproject.toml")
    Path("alembic.ini").write_text("[alembic]\n")
    assert find_config(None, {}) == Path("alembic.ini")
    Path("other.ini").write_text("[alembic]\n")
    assert find_config(None, {"ALEMBIC_CONFIG": "other.ini"}) == Path("other.ini")
    assert find_config(Path("alembic.ini"), {"ALEMBIC_CONFIG": "other.ini"}) == Path("alembic.ini")


def test_a_pyproject_without_alembic_is_none() -> None:
    Path("pyproject.toml").write_text("[tool.zdmigrate]\ntarget = 'mysql:9.7'\n")
    assert find_config(None, {}) is None
    assert load_settings(None, {}).target == "mysql:9.7"


@pytest.mark.parametrize("environ", [{}, {"ALEMBIC_CONFIG": "nope.ini"}])
def test_a_file_that_was_named_must_exist(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"there is no configuration file nope\.ini; pass the app's alembic\.ini"):
        find_config(None if environ else Path("nope.ini"), environ)


def test_every_setting_is_read_from_alembic_ini() -> None:
    Path("alembic.ini").write_text(
        "[alembic]\nscript_location = ignored\n[zdmigrate]\n"
        "target = mariadb:10.11\nurl = mysql://u:%%@h/d\nscript_location = a\nversion_locations = b c\n"
        "schema = dump.sql\nmetadata = m:b\nimports = x.y, z\nstub_imports = yes\ndeployed = a.json\n  git:v1\n"
        "baseline = base.json\nfail_on = conditional\nversion_table = versions\nrevision_timeout = 2.5\n"
        "manifest = shop.json\n"
    )
    assert load_settings(Path("alembic.ini"), {}) == Settings(
        config=Path("alembic.ini"),
        target="mariadb:10.11",
        url="mysql://u:%%@h/d",
        script_location="a",
        version_locations=("b", "c"),
        schema=Path("dump.sql"),
        metadata="m:b",
        imports=("x.y", "z"),
        stub_imports=True,
        deployed=("a.json", "git:v1"),
        baseline=Path("base.json"),
        fail_on="conditional",
        version_table="versions",
        revision_timeout=2.5,
        manifest=Path("shop.json"),
    )


def test_pyproject_has_lists_and_booleans_of_its_own() -> None:
    Path("pyproject.toml").write_text(
        "[tool.zdmigrate]\nimports = ['x', 'y']\nstub_imports = true\nrevision_timeout = 3\n"
    )
    settings = load_settings(None, {})
    assert (settings.imports, settings.stub_imports, settings.revision_timeout) == (("x", "y"), True, 3.0)


def test_alembic_ini_comes_before_pyproject_beside_it_and_the_environment_before_both() -> None:
    Path("alembic.ini").write_text("[alembic]\n[zdmigrate]\ntarget = mysql:8.0\n")
    Path("pyproject.toml").write_text("[tool.zdmigrate]\ntarget = 'mysql:5.7'\nimports = 'x'\n")
    config = Path("alembic.ini")
    assert load_settings(config, {}).target == "mysql:8.0"
    assert load_settings(config, {}).imports == (), "one file is read, not a mixture"
    assert load_settings(config, {"ZDMIGRATE_TARGET": "mysql:9.7"}).target == "mysql:9.7"
    assert load_settings(config, {"ZDMIGRATE_TARGET": ""}).target == "mysql:8.0"
    config.write_text("[alembic]\n")
    assert load_settings(config, {}).target == "mysql:5.7"


def test_the_command_line_wins(tmp_path: Path) -> None:
    settings = Settings(target="mysql:8.0", imports=("x",), stub_imports=True)
    assert settings.override(target=None, imports=(), stub_imports=None) == settings
    assert settings.override(target="mysql:9.7", imports=("y",)) == Settings(
        target="mysql:9.7", imports=("y",), stub_imports=True
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("colour = red", "unknown zdmigrate setting 'colour'; known are baseline, deployed"),
        ("config = x", "unknown zdmigrate setting 'config'"),
        ("stub_imports = perhaps", "stub_imports = 'perhaps' is neither true nor false"),
        ("revision_timeout = long", "revision_timeout = 'long' is not a number of seconds"),
        ("revision_timeout = 0", "revision_timeout = '0' is not a number of seconds above 0"),
        ("revision_timeout = nan", "revision_timeout = 'nan' is not a number of seconds above 0"),
        ("fail_on = everything", "fail_on = 'everything'; write unsafe or conditional"),
        ("target = oracle:19", "'oracle:19' is not a flavour"),
    ],
)
def test_a_setting_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, words: str) -> None:
    app = App(tmp_path, monkeypatch)
    app.users(ADD_AGE)
    app.settings(line)
    assert_one_sentence(app.check(), words)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("imports = 3", "pyproject.toml: imports = 3 is not a list"),
        ("revision_timeout = []", "pyproject.toml: revision_timeout = [] is not a number of seconds"),
        ("stub_imports = 7", "pyproject.toml: stub_imports = 7 is neither true nor false"),
    ],
)
def test_a_value_of_the_wrong_kind_in_pyproject(line: str, words: str) -> None:
    Path("pyproject.toml").write_text(f"[tool.zdmigrate]\n{line}\n")
    with pytest.raises(UsageError) as caught:
        load_settings(None, {})
    assert words in str(caught.value)


def test_a_variable_of_the_environment_that_cannot_be_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = App(tmp_path, monkeypatch)
    app.users(ADD_AGE)
    monkeypatch.setenv("ZDMIGRATE_STUB_IMPORTS", "perhaps")
    assert_one_sentence(app.check(), "$ZDMIGRATE_STUB_IMPORTS", "neither true nor false")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("alembic.ini", b"no section here"),
        ("alembic.ini", b"[alembic]\n\xff\xfe"),
        ("pyproject.toml", b"[tool"),
        ("pyproject.toml", b"\xff\xfe"),
    ],
)
def test_a_file_that_cannot_be_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    app = App(tmp_path, monkeypatch)
    app.users(ADD_AGE)
    Path(name).write_bytes(content)
    assert_one_sentence(app.check(), name, "cannot be read")


def test_references_are_replaced_from_the_environment() -> None:
    environ = {"URL": "mysql://u:p@h/d", "HOST": "db:3306", "PASSWORD": "a@b/c:d%"}
    assert expand_variables("${URL}", environ) == "mysql://u:p@h/d"
    assert expand_variables("mysql://u@${HOST}/d", environ) == "mysql://u@db:3306/d"
    assert expand_variables("mysql://u:${PASSWORD}@${HOST}/d", environ) == "mysql://u:a%40b%2Fc%3Ad%25@db:3306/d"
    assert expand_variables("mysql://u:$PASSWORD@h/d", environ) == "mysql://u:$PASSWORD@h/d"


def test_a_reference_to_nothing_names_it() -> None:
    with pytest.raises(UsageError, match="the environment variable DB_PASSWORD, which the URL refers to, is not set"):
        expand_variables("mysql://u:${DB_PASSWORD}@h/d", {})
