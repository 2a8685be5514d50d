"""The record that a run of a release makes: its steps, what came before it, how it ended; and no secret in it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.run.release.shop import toml
from zdmigrate.run.errors import NeedsPersonError
from zdmigrate.run.release.journal import Entry, Journal
from zdmigrate.run.release.plan import NodeView
from zdmigrate.run.release.prepare import Prepared
from zdmigrate.run.release.read import read_release
from zdmigrate.run.release.recorder import ReleaseRecorder, reports_of
from zdmigrate.run.release.spec import ReleaseSpec
from zdmigrate.run.release.telling import Told

VIEWS = tuple(NodeView(name, versions=frozenset({"1"}), ready=True, in_rotation=True) for name in ("web1", "web2"))


def spec_in(folder: Path, state: str = "echo in") -> ReleaseSpec:
    """Two nodes that the fleet does not know, behind a balancer of commands."""
    path = folder / "release.toml"
    path.write_text(
        toml(
            {
                "release": {"fleet": "memory://"},
                "versions": {"new": "2"},
                "balancer": {"kind": "command", "out": "true", "in": "true", "state": state},
                "commands": {"start": "true", "stop": "true"},
                "smoke": [{"headers": {"Authorization": "Bearer of-a-test", "X-Forwarded-Proto": "https"}}],
                "node": [{"name": name, "address": f"10.0.0.{name[-1]}:80"} for name in ("web1", "web2")],
            }
        )
    )
    return read_release(path)


def entry(**changed: Any) -> Entry:
    return Entry("ab12", "2", "1", "rolling", ["web1", "web2"], 0.0, owner="ada@db9 (pid 7)", **changed)


def begun(spec: ReleaseSpec, going: Entry, *, going_on: bool = False) -> ReleaseRecorder:
    recorder = ReleaseRecorder(spec, "zdmigrate release release.toml --yes")
    recorder.begin(going, Prepared(going, going_on, VIEWS, (), (), ("worker",)))
    return recorder


def test_one_that_never_began_leaves_none(tmp_path: Path) -> None:
    recorder = ReleaseRecorder(spec_in(tmp_path), "zdmigrate release")
    recorder.step(Told("look", "", "failed", 1.0, ""))
    assert (recorder.end(), recorder.reports) == (None, None)


def test_what_it_did_and_how_it_ended(tmp_path: Path) -> None:
    spec = spec_in(tmp_path)
    recorder = begun(spec, entry())
    recorder.step(Told("drain", "web1", "begun", 0.0, ""))
    recorder.step(Told("drain", "web1", "waits", 1.0, "busy"))
    recorder.step(Told("put-back", "web1", "done", 0.1, ""))
    recorder.step(Told("drain", "web1", "failed", 3.0, "busy: sent Bearer of-a-test over https"))
    record = recorder.end(NeedsPersonError("web1 said Bearer of-a-test", "zdmigrate release release.toml"))
    assert record is not None
    assert (record.kind, record.run, record.outcome, record.exit_code) == ("release", "ab12", "needs a person", 5)
    assert (record.old_version, record.new_version) == ("1", "2")
    assert (record.message, record.next) == ("web1 said ***", "zdmigrate release release.toml")
    assert [(step.name, step.node, step.outcome, step.detail) for step in record.steps] == [
        ("put-back", "web1", "undone", ""),
        ("drain", "web1", "failed", "busy: sent *** over https"),
    ]
    assert all(0 <= step.start <= record.seconds for step in record.steps)
    assert record.notes == ("also in the fleet, and left alone: worker",)
    assert [(node.versions, node.state, node.rotation) for node in record.app_before] == [
        (("1",), "ready", "in rotation")
    ] * 2
    assert [(node.name, node.versions, node.state, node.rotation) for node in record.app_after] == [
        ("web1", (), "down", "in rotation"),
        ("web2", (), "down", "in rotation"),
    ]
    assert record.figures == {"strategy": "rolling", "nodes run 2": "0 of 2"}
    assert (record.before, record.after) == ((), ()), "it has no migrations"
    assert recorder.reports == reports_of(spec, entry())


def test_why_a_phase_failed_is_told_with_it_and_not_with_what_came_later(tmp_path: Path) -> None:
    spec = spec_in(tmp_path)
    recorder = begun(spec, entry())
    recorder.said = "refused: worker maps it"
    recorder.step(Told("contract", "", "failed", 0.2, "the contract step was refused"))
    record = recorder.end(NeedsPersonError("the contract step was refused", "again"))
    assert record is not None
    assert record.message == "the contract step was refused\nrefused: worker maps it"
    other = begun(spec, entry())
    other.said = "of a phase that went well in the end"
    other.step(Told("drain", "web1", "failed", 0.2, "busy"))
    record = other.end(NeedsPersonError("busy", "again"))
    assert record is not None
    assert record.message == "busy"


def test_nobody_can_say_what_the_nodes_do(tmp_path: Path) -> None:
    record = begun(spec_in(tmp_path, "echo off; exit 1"), entry()).end()
    assert record is not None
    assert all("`echo off; exit 1` ended with 1: off" in node.problem for node in record.app_after)
    assert "nodes run 2" not in record.figures


def test_taken_back_the_versions_are_the_other_way_round(tmp_path: Path) -> None:
    record = begun(spec_in(tmp_path), entry(direction="undo"), going_on=True).end()
    assert record is not None
    assert (record.kind, record.old_version, record.new_version, record.continued) == ("undo", "2", "1", True)


def test_what_earlier_runs_did(tmp_path: Path) -> None:
    spec = spec_in(tmp_path)
    spec.journal.mkdir()
    lines = [
        {"at": at, "release": release, "step": step, "node": node, "outcome": outcome, "seconds": 1.5, "detail": detail}
        for at, release, step, node, outcome, detail in (
            (0, "other", "drain", "web1", "done", ""),
            (1, "ab12", "expand", "", "begun", ""),
            (2, "ab12", "expand", "", "done", "r2"),
            (3, "ab12", "drain", "web1", "begun", ""),
            (4, "ab12", "drain", "web1", "begun", ""),
            (5, "ab12", "drain", "web1", "failed", "Bearer of-a-test"),
            (6, "ab12", "stop", "web1", "begun", ""),
        )
    ]
    text = "\n".join(json.dumps(line) for line in lines)
    (spec.journal / "events.jsonl").write_text(f'no line\n{{"at": 1}}\n[]\n{text}\n{{"at": 7, "rel')
    record = begun(spec, entry(), going_on=True).end()
    assert record is not None
    assert [(item.at[17:19], item.name, item.node, item.outcome, item.detail) for item in record.earlier] == [
        ("02", "expand", "", "done", "r2"),
        ("03", "drain", "web1", "cut off", ""),
        ("05", "drain", "web1", "failed", "***"),
        ("06", "stop", "web1", "cut off", ""),
    ]


def test_one_that_began_elsewhere_says_where_its_steps_are(tmp_path: Path) -> None:
    record = begun(spec_in(tmp_path), entry(finished=["expand"]), going_on=True).end()
    assert record is not None
    assert record.earlier == ()
    assert "an earlier run of ada@db9 (pid 7) noted its steps elsewhere" in record.notes[1]
    assert record.notes[1].endswith("over was expand")


def test_one_that_was_killed_before_its_first_step_did_nothing(tmp_path: Path) -> None:
    spec = spec_in(tmp_path)
    spec.journal.mkdir()
    Journal(spec.journal).write(entry())
    record = begun(spec, entry(), going_on=True).end()
    assert record is not None
    assert (record.earlier, record.notes) == ((), ("also in the fleet, and left alone: worker",))


def test_a_look_that_hangs_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zdmigrate.run.release.recorder._LOOK_SECONDS", 0.3)
    recorder = begun(spec_in(tmp_path, "sleep 600"), entry())
    began = time.monotonic()
    record = recorder.end()
    assert record is not None
    assert "did not end within" in record.app_after[0].problem
    assert time.monotonic() - began < 30
