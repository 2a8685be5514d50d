"""Events reach the log and whoever subscribed, with hashes and never an id."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pytest

from zdsession import SessionManager
from zdsession.events import EVENTS, emit, subscribe


def test_a_listener_hears_what_no_logger_wants(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "zdsession")
    heard: list[tuple[str, str, Mapping[str, object]]] = []
    end = subscribe(lambda *event: heard.append(event))
    emit("merged", "a" * 64, conflicts=2)
    end()
    end()
    emit("merged", "a" * 64, conflicts=2)
    assert heard == [("merged", "a" * 64, {"conflicts": 2})]
    assert caplog.records == []


def test_a_listener_that_fails_is_logged_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def fail(event: str, record: str, fields: Mapping[str, object]) -> None:
        raise RuntimeError("full")

    heard: list[str] = []
    ends = [subscribe(fail), subscribe(lambda event, record, fields: heard.append(event))]
    emit("created", "a" * 64)
    for end in ends:
        end()
    assert heard == ["created"]
    assert "a listener failed for the event created" in caplog.text


def test_what_a_session_goes_through_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "zdsession")
    sessions = SessionManager("memory://")
    session = sessions.open(None)
    session["a"] = 1
    session.save()
    cookie = str(session.set_cookie()).split(";")[0]
    token = cookie.partition("=")[2]
    again, late = sessions.open(cookie), sessions.open(cookie)
    again.regenerate()
    late["a"] = 2
    again.save()
    again.invalidate()
    late.save()
    assert dict(sessions.open(cookie)) == {}
    sessions.revoke(session.id)
    assert [getattr(record, "event", None) for record in caplog.records] == [
        "created", "regenerated", "invalidated", "gone", "unknown_id", "revoked",
    ]  # fmt: skip
    assert {getattr(record, "record", None) for record in caplog.records} == {session.id}
    assert token not in caplog.text


def test_every_event_has_a_level() -> None:
    for event in EVENTS:
        emit(event, "")
    with pytest.raises(KeyError):
        emit("unheard of", "")
