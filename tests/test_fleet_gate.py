"""`check --fleet` and `plan --fleet`: what runs now is old code, and silence is not absence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps import ADD_AGE, DROP_NICK, App, assert_one_sentence
from tests.fleets import Fleets, mapping, obstacles, written
from zdsession.clock import now_ms
from zdsession.fleet import State

CONTRACT = "# zdmigrate: phase contract"
OLD = mapping("1.0", users="id name nick?")
NEW = mapping("2.0", users="id name")
#: A registry that has just been made is too young to know every node.
YOUNG = ("--least-age", "0")


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    made = App(tmp_path / "app", monkeypatch)
    made.users(DROP_NICK, head=CONTRACT)
    return made


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleets]:
    made = Fleets(f"sqlite:///{tmp_path}/sessions.db")
    yield made
    made.close()


def test_a_contract_too_early_names_node_version_and_column_and_passes_when_that_node_is_gone(
    app: App, fleet: Fleets
) -> None:
    fleet.runs("web1", NEW)
    fleet.runs("web2", OLD)
    early = app.check("--fleet", fleet.url, *YOUNG, "--format", "json")
    assert early.code == 1
    digest = OLD.digest[:8]
    assert obstacles(early.out) == [f"node web2 (version 1.0) maps users.nick as INT NULL (manifest {digest})"]
    (change,) = early.json["revisions"][0]["changes"]
    assert [(item["node"], item["version"]) for item in change["blocked_by"]] == [("web2", "1.0")]
    fleet.ends("web2")
    late = app.check("--fleet", fleet.url, *YOUNG, "--format", "json")
    assert (late.code, late.json["revisions"][0]["verdict"]) == (0, "safe")
    proof = late.json["fleet"]
    assert (proof["complete"], proof["gaps"]) == (True, [])
    assert proof["nodes"] == [{"node": "web1", "version": "2.0", "state": "ready", "manifest": NEW.digest}]
    assert proof["read_at"].endswith("Z")


def test_every_report_quotes_the_proof(app: App, fleet: Fleets) -> None:
    fleet.runs("web1", NEW)
    fleet.runs("web2", OLD)
    for name in ("text", "markdown"):
        said = app.check("--fleet", fleet.url, *YOUNG, "--format", name)
        assert said.code == 1
        assert f"1.0 ({OLD.digest[:8]}) on web2; 2.0 ({NEW.digest[:8]}) on web1" in said.out
        assert "now: node web2 (version 1.0) maps users.nick" in said.out
        assert "zdsession drain NODE" in said.out
    assert "node web2 (version 1.0) maps users.nick" in app.check("--fleet", fleet.url, "--format", "github").out
    sarif = app.check("--fleet", fleet.url, *YOUNG, "--format", "sarif").json
    assert "ZD996" in {item["ruleId"] for item in sarif["runs"][0]["results"]}
    planned = app.run("plan", "--from", "aaaa1", "--fleet", fleet.url, *YOUNG)
    assert (planned.code, "now: node web2 (version 1.0)" in planned.out) == (0, True)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("lost", "node web2 (version 2.0) is silent and did not say goodbye; if it has ended: zdsession forget web2"),
        ("starting", "node web2 (version 2.0) is starting"),
        ("no manifest", "node web2 (version 2.0) published no manifest"),
        ("few", "the fleet has 2 of the 3 nodes expected"),
        ("young", "may not know every node yet"),
        ("nameless", "node web2 published no manifest, so what it maps is not known; give its FleetMember one"),
    ],
)
def test_what_is_not_known_blocks_with_the_next_step(app: App, fleet: Fleets, case: str, said: str) -> None:
    fleet.runs("web1", NEW)
    options = ["--least-age", "3600" if case == "young" else "0"]
    if case == "few":
        options += ["--expect-nodes", "3"]
    match case:
        case "lost":
            fleet.runs("web2", NEW, beat=now_ms() - 60_000)
        case "starting":
            fleet.runs("web2", NEW, State.STARTING)
        case "no manifest":
            fleet.runs("web2", None, version="2.0")
        case "nameless":
            fleet.runs("web2", None)
        case _:
            fleet.runs("web2", NEW)
    result = app.check("--fleet", fleet.url, *options, "--format", "json")
    assert result.code == 1, result.out
    assert any(said in message for message in obstacles(result.out)), obstacles(result.out)
    assert result.json["fleet"]["complete"] is False


def test_an_empty_fleet_proves_nothing_and_a_file_beside_it_does_not_help(app: App, fleet: Fleets) -> None:
    deployed = written(app.folder / "v2.json", NEW)
    assert app.check("--deployed", deployed).code == 0
    result = app.check("--deployed", deployed, "--fleet", fleet.url, "--format", "json")
    assert result.code == 1
    assert any("the fleet is empty" in message for message in obstacles(result.out))


def test_forgetting_the_lost_node_lets_it_pass(app: App, fleet: Fleets) -> None:
    fleet.runs("web1", NEW)
    fleet.runs("web2", OLD, beat=now_ms() - 60_000)
    assert app.check("--fleet", fleet.url, *YOUNG).code == 1
    fleet.registry.forget("web2")
    assert app.check("--fleet", fleet.url, *YOUNG).code == 0


def test_files_and_fleet_are_old_code_together(app: App, fleet: Fleets) -> None:
    fleet.runs("web1", NEW)
    worker = written(app.folder / "worker.json", OLD)
    assert app.check("--fleet", fleet.url, *YOUNG, "--deployed", worker).code == 1
    assert app.check("--fleet", fleet.url, *YOUNG).code == 0


def test_an_expand_does_not_wait_for_the_fleet(app: App, fleet: Fleets) -> None:
    app.users(ADD_AGE)
    result = app.check("--fleet", fleet.url)
    assert result.code == 0
    assert "the fleet proves nothing: the fleet is empty" in result.out


def test_the_fleet_comes_from_the_settings_and_no_password_is_shown(
    app: App, fleet: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.runs("web1", OLD)
    app.settings(f"fleet = {fleet.url}\nleast_age = 0\nexpect_nodes = 1")
    assert "node web1 (version 1.0)" in app.check().out
    monkeypatch.setenv("ZDMIGRATE_FLEET", "redis://:sesame@127.0.0.1:1/0")
    result = app.check()
    assert_one_sentence(result, "the fleet in redis://127.0.0.1:1/0 cannot be asked")
    assert "sesame" not in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fleet", "http://x:secret@y"), "no store for http://y"),
        (("--fleet", ""), "--fleet is empty"),
        (("--expect-nodes", "2"), "--expect-nodes is for --fleet"),
        (("--least-age", "2"), "--least-age is for --fleet"),
        (("--fleet", "redis://:${NO_SUCH_THING}@h/0"), "NO_SUCH_THING"),
    ],
)
def test_bad_input_is_one_sentence(app: App, arguments: tuple[str, ...], said: str) -> None:
    for command in ("check", "plan"):
        result = app.run(command, "--from", "aaaa1", *arguments)
        assert_one_sentence(result, said)
        assert "secret" not in result.err


@pytest.mark.parametrize("line", ["expect_nodes = 0", "expect_nodes = two", "least_age = -1", "least_age = soon"])
def test_bad_settings_are_one_sentence(app: App, line: str) -> None:
    app.settings(line)
    assert_one_sentence(app.check(), line.partition(" ")[0])


def test_the_report_of_a_real_check_is_json_all_through(app: App, fleet: Fleets) -> None:
    fleet.runs("web1", NEW)
    document = app.plan("--from", "aaaa1", "--fleet", fleet.url)
    assert json.loads(json.dumps(document))["fleet"]["least_age"] == 120.0
