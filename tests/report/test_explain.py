"""`zdmigrate explain`: a page for every rule, and only for those."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps import App, assert_one_sentence
from zdmigrate.report.explain import page, titles
from zdmigrate.verdict.rules import RULES


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


@pytest.mark.parametrize("rule", sorted({rule.id for rule in RULES}))
def test_every_rule_has_a_page_that_begins_with_it(rule: str) -> None:
    assert page(rule).startswith(f"# {rule}: ")


def test_the_list_names_every_page_once_with_its_title(app: App) -> None:
    listed = list(titles())
    assert [name for name, _ in listed] == sorted({name for name, _ in listed})
    assert {rule.id for rule in RULES} <= {name for name, _ in listed}
    assert all(title and not title.startswith(("#", ":", "ZD")) for _, title in listed)
    assert app.run("explain").out.splitlines() == [f"{name}  {title}" for name, title in listed]


@pytest.mark.parametrize("name", ["ZD201", "zd201"])
def test_a_page_is_printed(app: App, name: str) -> None:
    assert app.run("explain", name).out == page("ZD201") + "\n"


@pytest.mark.parametrize("name", ["ZD000", "nonsense", "../README", "", "ZD201.md"])
def test_there_is_no_other_page(app: App, name: str) -> None:
    assert_one_sentence(app.run("explain", name) if name else app.run("explain", "?"), "there is no rule")
