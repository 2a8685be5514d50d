"""The runner: order, undo, and what it says when undoing fails."""

import signal
import threading

import pytest

from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.steps import Step, StepRunner, UndoError, signals_later


class Story:
    """Steps that write down what was done to them."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def step(self, name: str, *, fails: int = 0, undo_fails: bool = False, undo: bool = True) -> Step:
        left = [fails]

        def do() -> str:
            self.told.append(name)
            if left[0]:
                left[0] -= 1
                raise ZdmigrateError(f"{name} failed")
            return "fine"

        def take_back() -> None:
            self.told.append(f"-{name}")
            if undo_fails:
                raise ZdmigrateError(f"-{name} failed")

        return Step(name, do, take_back if undo else None)


def test_all_steps_in_order_nothing_undone() -> None:
    story, runner = Story(), StepRunner()
    runner.run([story.step("a"), story.step("b")])
    assert story.told == ["a", "b"]
    assert [(item.name, item.outcome, item.detail) for item in runner.timings] == [
        ("a", "done", "fine"),
        ("b", "done", "fine"),
    ]


def test_the_failing_step_is_undone_too_newest_first() -> None:
    story, runner = Story(), StepRunner()
    with pytest.raises(ZdmigrateError, match=r"^b failed$"):
        runner.run([story.step("a"), story.step("x", undo=False), story.step("b", fails=1), story.step("c")])
    assert story.told == ["a", "x", "b", "-b", "-a"]
    assert [item.outcome for item in runner.timings] == ["done", "done", "failed", "undone", "undone"]


def test_a_stop_before_a_step_undoes_what_was_done() -> None:
    story = Story()

    def stop(name: str) -> None:
        if name == "b":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        StepRunner(before=stop).run([story.step("a"), story.step("b")])
    assert story.told == ["a", "-b", "-a"]


def test_one_undo_that_fails_does_not_keep_the_others_from_being_undone() -> None:
    story = Story()
    with pytest.raises(UndoError, match=r"b failed; and putting things back failed: -b failed") as failed:
        StepRunner().run([story.step("a"), story.step("b", fails=1, undo_fails=True)])
    assert story.told == ["a", "b", "-b", "-a"]
    assert failed.value.exit_code == 5
    assert str(failed.value.failure) == "b failed"


def test_beyond_the_point_of_no_return_a_step_is_tried_again_and_nothing_undone() -> None:
    story = Story()
    StepRunner().run_on([story.step("a", fails=2), story.step("b")], pause=0)
    assert story.told == ["a", "a", "a", "b"]
    with pytest.raises(ZdmigrateError, match="c failed"):
        StepRunner().run_on([story.step("c", fails=3)], pause=0)


def test_signals_wait_for_a_tidy_place() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with signals_later() as check:
        check()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGTERM) is before


def test_in_a_thread_signals_are_left_alone() -> None:
    seen: list[object] = []

    def work() -> None:
        with signals_later() as check:
            check()
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]
