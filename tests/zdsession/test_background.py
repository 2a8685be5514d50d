"""Threads that do something now and then."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from zdsession.background import Background


def test_steps_until_it_says_enough() -> None:
    pauses = iter([0.0, 0.0, None])
    taken, gate, done = [], threading.Event(), threading.Event()

    def step() -> float | None:
        assert gate.wait(30)
        taken.append(threading.current_thread().name)
        pause = next(pauses)
        if pause is None:
            done.set()
        return pause

    background = Background("worker", step)
    background.start()
    background.start()
    gate.set()
    assert done.wait(30)
    background.stop()
    assert taken == ["worker"] * 3


def test_stops_while_it_waits_and_may_start_again() -> None:
    begun = threading.Semaphore(0)

    def step() -> float:
        begun.release()
        return 3600

    background = Background("worker", step)
    for _ in range(2):
        background.start()
        assert begun.acquire(timeout=30)
        background.stop(timeout=30)
    background.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "worker"]


def test_an_error_is_logged_and_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    done, turns = threading.Event(), []

    def step() -> float | None:
        turns.append(1)
        if len(turns) == 1:
            raise RuntimeError("boom")
        done.set()
        return None

    with caplog.at_level(logging.ERROR, logger="zdsession"):
        background = Background("worker", step, pause_after_error=0.0)
        background.start()
        assert done.wait(30)
    background.stop()
    assert "worker failed" in caplog.text


def test_a_forked_child_starts_its_own() -> None:
    begun = threading.Semaphore(0)

    def step() -> float:
        begun.release()
        return 3600

    background = Background("worker", step)
    background.start()
    assert begun.acquire(timeout=30)
    background._pid -= 1  # as after a fork: the thread object is there, the thread is not
    background.start()
    assert begun.acquire(timeout=30)
    assert background._pid == os.getpid()
    background.stop()
