"""The gate: exit codes as DESIGN's "The gate, exactly" fixes them, over real histories."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps import ADD_AGE, ADD_REQUIRED, ALLOW_NULL, BROKEN, CREATE_USERS, DROP_NICK, PARSELESS, App
from zdmigrate.gate import run_gate
from zdmigrate.verdict.model import Verdict

CONTRACT = "# zdmigrate: phase contract"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("upgrade", "code", "kinds"),
    [
        pytest.param([ADD_AGE], 0, set(), id="safe"),
        pytest.param([DROP_NICK], 1, {"unsafe"}, id="unsafe"),
        pytest.param([ADD_REQUIRED], 1, {"phase"}, id="split"),
        pytest.param([ADD_AGE, DROP_NICK], 1, {"phase", "unsafe"}, id="mixed"),
        pytest.param([BROKEN], 3, {"unknown"}, id="unknown revision"),
        pytest.param([PARSELESS], 3, {"unknown"}, id="unknown statement"),
        pytest.param([ALLOW_NULL], 0, set(), id="conditional"),
        pytest.param([DROP_NICK, PARSELESS], 1, {"unsafe", "unknown"}, id="unsafe and unknown"),
        pytest.param(["pass"], 0, set(), id="nothing"),
    ],
)
def test_the_exit_code_says_what_stands_in_the_way(app: App, upgrade: list[str], code: int, kinds: set[str]) -> None:
    app.users(*upgrade)
    result = app.check("--format", "json")
    assert result.code == code
    gate = result.json["gate"]
    assert (gate["exit_code"], gate["passed"]) == (code, code == 0)
    assert {item["kind"] for item in gate["obstacles"]} == kinds


@pytest.mark.parametrize("upgrade", [BROKEN, PARSELESS])
def test_what_cannot_be_judged_passes_only_when_asked_to(app: App, upgrade: str) -> None:
    app.users(upgrade)
    assert app.check("--strict").code == 3
    assert app.check("--no-strict").code == 0


def test_fail_on_conditional_stops_on_unproved_conditions(app: App) -> None:
    app.users(ALLOW_NULL)
    result = app.check("--fail-on", "conditional", "--format", "json")
    assert result.code == 1
    obstacles = result.json["gate"]["obstacles"]
    assert {item["kind"] for item in obstacles} == {"conditional"}
    assert obstacles[0]["message"].startswith("not proved: ")
    app.settings("fail_on = conditional")
    assert app.check().code == 1
    assert app.check("--fail-on", "unsafe").code == 0


def test_a_contract_declared_by_a_comment_passes(app: App) -> None:
    app.users(DROP_NICK, head=CONTRACT)
    result = app.check("--format", "json")
    assert result.code == 0
    (revision,) = result.json["revisions"]
    assert (revision["declared"], revision["phase"], revision["verdict"]) == ("contract", "contract", "unsafe")


def test_a_contract_declared_by_a_branch_label_passes(app: App) -> None:
    app.users(DROP_NICK, extra='branch_labels = ("contract",)')
    result = app.check("--format", "json")
    assert result.code == 0
    assert result.json["revisions"][0]["declared"] == "contract"


def test_the_branch_label_covers_the_revisions_after_it(app: App) -> None:
    app.users("pass", extra='branch_labels = ("contract",)')
    app.revision("cccc3", DROP_NICK, down="bbbb2")
    assert app.check().code == 0


@pytest.mark.parametrize("upgrade", [[ADD_REQUIRED], [ADD_REQUIRED, DROP_NICK]])
def test_declaring_a_contract_does_not_cover_what_needs_both_sides(app: App, upgrade: list[str]) -> None:
    app.users(*upgrade, head=CONTRACT)
    assert app.check().code == 1


def test_a_declared_contract_that_cannot_be_judged_is_still_unknown(app: App) -> None:
    app.users(DROP_NICK, PARSELESS, head=CONTRACT)
    assert app.check().code == 3


def test_a_declared_contract_is_not_stopped_by_its_conditions(app: App) -> None:
    app.users(ALLOW_NULL, head=CONTRACT)
    assert app.check("--fail-on", "conditional").code == 0


def test_declaring_expand_accepts_nothing(app: App) -> None:
    app.users(DROP_NICK, head="# zdmigrate: phase expand")
    assert app.check().code == 1


def test_a_mixed_revision_is_told_how_to_split_by_line(app: App) -> None:
    path = app.users(ADD_AGE + "  # add", DROP_NICK + "  # drop")
    lines = path.read_text().splitlines()
    add, drop = (next(n for n, line in enumerate(lines, 1) if mark in line) for mark in ("# add", "# drop"))
    (obstacle,) = [
        item
        for item in app.check("--format", "json").json["gate"]["obstacles"]
        if item["kind"] == "phase" and item["change"] is None
    ]
    # A nullable column fits either side; what is bound to a side is named.
    assert str(drop) in obstacle["message"]
    assert str(add) in obstacle["message"]
    assert "# zdmigrate: phase contract" in obstacle["message"]


def test_obstacles_come_in_the_order_the_revisions_run(app: App) -> None:
    app.users(DROP_NICK)
    app.revision("cccc3", PARSELESS, down="bbbb2")
    app.revision("dddd4", 'op.drop_column("users", "name")', down="cccc3")
    gate = run_gate(app.made())
    assert [item.revision for item in gate.obstacles] == ["bbbb2", "cccc3", "dddd4"]
    assert gate.exit_code == 1
    assert not gate.passed
    assert [item.line > 0 for item in gate.obstacles] == [True, True, True]


def test_nothing_pending_passes(app: App) -> None:
    app.users(DROP_NICK)
    gate = run_gate(app.made(from_="bbbb2"), fail_on=Verdict.CONDITIONAL)
    assert gate.passed
    assert gate.obstacles == ()


def test_without_a_deployed_revision_each_revision_is_its_own_release(app: App) -> None:
    app.revision("aaaa1", CREATE_USERS)
    assert app.run("check").code == 0
    app.revision("bbbb2", DROP_NICK, down="aaaa1")
    assert app.run("check").code == 1
    assert app.run("check", "--from", "base").code == 0, "a column that comes and goes in one release is free"


def test_a_refusal_that_nothing_catches_is_unknown(app: App) -> None:
    app.users('op.drop_column("users", "nope")')
    result = app.check("--format", "json")
    assert result.code == 3
    (change,) = result.json["revisions"][0]["changes"]
    assert change["verdict"] == "unknown"
    (finding,) = change["findings"]
    assert finding["rule"] == "ZD912"
    assert "1091" in finding["reason"]
    assert "nothing catches that" in finding["reason"]


def test_a_refusal_that_the_revision_catches_is_no_obstacle(app: App) -> None:
    app.users("try:", '    op.drop_column("users", "nope")', "except sa.exc.DBAPIError:", "    pass")
    result = app.check("--format", "json")
    assert result.code == 0
    (change,) = result.json["revisions"][0]["changes"]
    assert change["verdict"] == "safe"
    assert "goes on without it" in change["findings"][0]["reason"]


def test_fail_on_conditional_stops_on_what_depends_on_rows_though_each_statement_is_safe(app: App) -> None:
    app.users('if op.get_bind().execute(sa.text("SELECT id FROM users")).first():', '    print("rows")', ADD_AGE)
    assert app.check().code == 0
    result = app.check("--fail-on", "conditional", "--format", "json")
    assert result.code == 1
    assert [item["kind"] for item in result.json["gate"]["obstacles"]] == ["conditional"]
