"""Choosing a provider and an image, and the table of what there is, without any server."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError, ImageNotFound

from tests.servers import (
    Kind,
    ServerError,
    ServerUnavailableError,
    availability,
    containers,
    engine,
    open_server,
    providers,
)
from tests.servers.availability import Row
from tests.servers.engine import Engine, EngineError
from tests.servers.images import build
from tests.servers.images.build import RECIPES, Recipe, get_image, recipe_of


class Images:
    """The images of a stand-in engine that cannot pull."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)

    def get(self, name: str) -> str:
        if name not in self.names:
            raise ImageNotFound(name)
        return name


def cannot_pull(_: Engine, recipe: Recipe) -> str:
    """A machine that reaches no registry."""
    raise EngineError(f"{recipe.official} cannot be pulled (no such host)", expected=True)


def an_engine(*names: str, private: bool = False) -> Engine:
    client: Any = SimpleNamespace(images=Images(*names))
    return Engine("unix:///nonexistent/docker.sock", private, client, "20.10")


@pytest.fixture
def auto(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No provider named, nothing remembered."""
    monkeypatch.delenv("ZDRELEASE_SERVERS", raising=False)
    providers.automatic.cache_clear()
    yield monkeypatch
    providers.automatic.cache_clear()


def test_a_provider_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZDRELEASE_SERVERS", "podman")
    with pytest.raises(ServerUnavailableError, match="'podman'; it may be auto, processes or containers"):
        open_server("redis")


@pytest.mark.parametrize("name", providers.PROVIDERS)
def test_a_provider_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("ZDRELEASE_SERVERS", name)
    assert providers.provider_for("mysql") == name


def test_without_an_engine_it_is_processes_and_no_engine_is_started(auto: pytest.MonkeyPatch) -> None:
    auto.setattr(engine, "answering_engine", lambda: None)
    auto.setattr(engine, "private_engine", lambda: pytest.fail("it was started"))
    assert providers.provider_for("mysql") == "processes"


def test_an_engine_that_answers_serves_what_it_has(auto: pytest.MonkeyPatch, tmp_path: Path) -> None:
    auto.setenv("ZDRELEASE_SERVERS_DIR", str(tmp_path))
    auto.setattr(engine, "answering_engine", lambda: an_engine("mysql:9.7"))
    auto.setattr(build, "_pull", cannot_pull)
    assert providers.provider_for("mysql") == "containers"
    assert providers.provider_for("mysql", "8.4") == "processes"
    assert providers.provider_for("mariadb") == "processes"


@pytest.mark.parametrize(
    ("kind", "version", "series"),
    [("mysql", None, "9.7"), ("mysql", "9.7.4", "9.7"), ("mysql", "8", "8.4"), ("mariadb", "11.8", "11.8")],
)
def test_a_version_has_a_recipe(kind: Kind, version: str | None, series: str) -> None:
    assert recipe_of(kind, version).series == series


@pytest.mark.parametrize("version", ["1", "10.1", "5.7", "9.70"])
def test_a_version_without_an_image_is_said(version: str) -> None:
    with pytest.raises(ServerUnavailableError, match=r"of version .*: containers have "):
        recipe_of("mysql", version)


def test_the_official_image_is_preferred_and_a_built_one_does() -> None:
    recipe = recipe_of("mysql")
    assert get_image(an_engine(recipe.official, recipe.built), recipe) == recipe.official
    assert get_image(an_engine(recipe.built), recipe) == recipe.built


@pytest.mark.parametrize("private", [True, False])
def test_no_way_to_an_image_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, private: bool) -> None:
    monkeypatch.setenv("ZDRELEASE_SERVERS_DIR", str(tmp_path))
    monkeypatch.setattr(build, "_pull", cannot_pull)
    with pytest.raises(EngineError) as caught:
        get_image(an_engine(private=private), recipe_of("mysql"))
    text = str(caught.value)
    assert "mysql:9.7 cannot be pulled" in text
    assert "is not prepared to build one from (run scripts/prepare_servers)" in text
    assert "\n" not in text


def test_a_changed_entrypoint_is_another_image() -> None:
    names = {recipe.built for recipe in RECIPES}
    assert len(names) == len(RECIPES)
    for recipe in RECIPES:
        assert (Path(build.__file__).parent / recipe.script).read_text().startswith("#!/bin/sh\n")


def test_containers_that_are_not_wanted_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZDRELEASE_SERVERS", "processes")
    monkeypatch.setattr(containers, "current_run", lambda: pytest.fail("it was looked for"))
    assert providers.why_no_containers() == ("ZDRELEASE_SERVERS=processes", False)


@pytest.mark.parametrize(
    ("variable", "expected", "must"), [("auto", False, False), ("auto", True, True), ("containers", False, True)]
)
def test_whether_missing_containers_fail_a_test(
    monkeypatch: pytest.MonkeyPatch, variable: str, expected: bool, must: bool
) -> None:
    def refuse() -> None:
        raise EngineError("no engine", expected=expected)

    monkeypatch.setenv("ZDRELEASE_SERVERS", variable)
    monkeypatch.setattr(containers, "current_run", refuse)
    assert providers.why_no_containers() == ("no engine", must)


def test_the_table_shows_what_is_missing_and_why() -> None:
    rows = [
        Row("mysql", "9.7.4", "process", "/usr/sbin/mysqld", "on PATH"),
        Row("mariadb", "-", "process", None, "no mariadbd on PATH"),
        Row("redis", "7", "container", "redis:7", "official"),
        Row("mysql", "8.4", "container", None, "pulled on first use", optional=True),
    ]
    lines = availability.table(rows).splitlines()
    assert lines[1].split() == ["mysql", "9.7.4", "process", "/usr/sbin/mysqld", "on", "PATH"]
    assert "MISSING" in lines[2]
    assert lines[2].endswith("no mariadbd on PATH")
    assert "MISSING" not in lines[4]
    assert availability.lacking(rows), "no provider has MariaDB"
    assert not availability.lacking([*rows, Row("mariadb", "10.11", "container", "mariadb:10.11", "official")])
    broken = Row("mariadb", "10.11", "container", None, "the engine did not import it")
    assert availability.lacking([*rows, Row("mariadb", "10.11.1", "process", "/usr/sbin/mariadbd", ""), broken])


def test_the_engine_said_no_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Engine:
        raise EngineError("no Docker engine answers", expected=False)

    monkeypatch.setattr(engine, "any_engine", refuse)
    (row,) = availability.containers(prepare=True)
    assert (row.name, row.found, row.note) == ("docker", None, "no Docker engine answers")


def test_errors_of_the_engine_become_one_line() -> None:
    with (
        pytest.raises(ServerError, match=r"^it could not be started: one two$"),
        containers._said_in_one_line("it could not be started"),
    ):
        raise APIError("500", explanation="one\n  two")
