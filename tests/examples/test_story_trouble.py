"""When something is killed in the story: the moments, what a seed says of them, and one that came too late."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.story.trouble import MOMENTS, Chance, Trouble, at_work

NODES = ("web1", "web2", "web3")


def event(at: float, step: str, outcome: str, node: str = "") -> dict[str, object]:
    return {"at": at, "step": step, "outcome": outcome, "node": node}


@given(st.integers(0, 999_999), st.sampled_from(["random", *MOMENTS]))
def test_a_seed_says_all_of_it(seed: int, at: str) -> None:
    chance = Chance.of(seed, at, NODES)
    assert chance == Chance.of(seed, at, reversed(NODES))
    assert at in ("random", chance.at)
    assert chance.node in NODES
    assert 0 <= chance.after <= MOMENTS[chance.at].longest
    assert str(seed) in str(chance)


def test_random_is_each_of_them() -> None:
    assert {Chance.of(seed, "random", NODES).at for seed in range(200)} == set(MOMENTS)


@pytest.mark.parametrize("name", MOMENTS)
def test_a_moment_is_there_when_its_step_is(name: str) -> None:
    moment = MOMENTS[name]
    said = f"    {moment.says} 0.7 ms\n"
    of = "web2" if moment.of_node else ""
    assert not moment.is_there([], said, "web2")
    assert moment.is_there([event(1, moment.step, "begun", of)], said, "web2")
    assert not moment.of_node or not moment.is_there([event(1, moment.step, "begun", "web1")], said, "web2")
    assert not moment.says or not moment.is_there([event(1, moment.step, "begun", of)], "", "web2")


def test_what_was_at_work() -> None:
    events = [
        event(1, "expand", "begun"), event(2, "expand", "done"), event(3, "drain", "begun", "web1"),
        event(4, "drain", "done", "web1"), event(4, "stop", "begun", "web1"), event(9, "start", "begun", "web1"),
    ]  # fmt: skip
    assert [at_work(events, at) for at in (1.5, 2.5, 3, 5, 9)] == [
        {"expand"}, set(), {"drain"}, {"stop"}, {"stop", "start"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([event(1, "contract", "begun")], ""),
        ([event(1, "contract", "begun"), event(2, "contract", "done")], "at work was nothing, not contract"),
        ([event(1, "expand", "begun")], "the trouble did not come: its moment was not seen"),
    ],
)
def test_it_comes_once_and_says_when_it_was_too_late(lines: list[object], reason: str, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done: list[float] = []

    def kill() -> str:
        done.append(time.time())
        return "killed"

    chance = Chance(1, "contract", "web1", 0.0, 0.0)
    with Trouble(events, tmp_path / "none.log", chance, kill) as trouble:
        end = time.monotonic() + (0.3 if "not seen" in reason else 30)
        while not trouble.marks and time.monotonic() < end:
            time.sleep(0.01)
    assert [mark.name for mark in trouble.marks] == ["killed"] * len(done)
    assert len(done) == (0 if "not seen" in reason else 1)
    assert reason in "; ".join(trouble.reasons())
    assert bool(trouble.reasons()) == bool(reason)


def test_a_trouble_that_fails_is_told(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text(json.dumps(event(1, "expand", "begun")) + "\n")

    def kill() -> str:
        raise OSError("no such process")

    with Trouble(tmp_path / "events.jsonl", tmp_path / "log", Chance(1, "expand", "web1", 0.0, 0.0), kill) as trouble:
        trouble._thread.join(30)
    assert trouble.reasons() == ["the trouble did not come: no such process"]
