"""Requests that run side by side in threads and in processes: nothing is lost, and no logout is undone."""

from __future__ import annotations

import time

import pytest

from tests.zdsession.races import (
    Others,
    begin,
    finish,
    race_in_processes,
    race_in_threads,
    ten_rounds,
    together,
    write_keys,
)
from zdsession import SessionManager
from zdsession.stores import Store, open_store
from zdsession.stores.memory import MemoryStore

SHARED = ["sqlite", "redis", "mysql", "mariadb"]
shared_by_processes = pytest.mark.parametrize("store_kind", SHARED, indirect=True)


@shared_by_processes
def test_eight_writers_in_processes_keep_eighty_of_eighty(store_url: str, store: Store) -> None:
    """Four processes of two threads each."""
    sessions = SessionManager(store)
    cookie = begin(sessions)
    with Others(store_url, 4, write_keys, cookie, 2) as others:
        others.hear()
        others.say("go")
        assert set(others.hear()) == {"done"}
    session = sessions.open(cookie)
    assert sum(f"{writer}-{turn}" in session for writer in range(8) for turn in range(10)) == 80


def test_eight_writers_in_threads_keep_eighty_of_eighty_beside_a_regeneration(store: Store) -> None:
    sessions = SessionManager(store)
    cookie = begin(sessions)

    def work(n: int) -> None:
        if n < 8:
            ten_rounds(sessions, cookie, n)
            return
        time.sleep(0.01)
        session = sessions.open(cookie)
        session.regenerate()
        new.append(finish(session))

    new: list[str] = []
    together(9, work)
    session = sessions.open(new[0])
    assert sum(f"{writer}-{turn}" in session for writer in range(8) for turn in range(10)) == 80


def test_regenerate_under_a_hundred_requests_loses_none(store: Store) -> None:
    """All read before one of them changes the id, and all save after it: rotation and merge in one."""
    sessions = SessionManager(store)
    old = begin(sessions)
    answers: list[str] = [old] * 100

    def request(n: int) -> None:
        session = sessions.open(old)
        assert session["a"] == 1, "logged out by a parallel request"
        session[f"k{n}"] = n
        if n == 50:
            session.regenerate()
        answers[n] = finish(session, old)

    together(100, request)
    (new,) = {answer for answer in answers if answer != old}
    assert dict(sessions.open(new)) == {"a": 1, **{f"k{n}": n for n in range(100)}}


def test_ten_thousand_late_requests_never_revive_a_logout() -> None:
    assert race_in_threads(MemoryStore(), 10_000, 1) == 0


@shared_by_processes
def test_late_requests_of_other_processes_never_revive_a_logout(store_url: str, store: Store) -> None:
    assert race_in_processes(store_url, store, 100, 2) == 0


@pytest.mark.soak
@shared_by_processes
@pytest.mark.parametrize("race", ["threads", "processes"])
def test_ten_thousand_late_requests_never_revive_a_logout_on_every_store(
    store_url: str, store: Store, race: str
) -> None:
    undone = race_in_threads(store, 10_000, 3) if race == "threads" else race_in_processes(store_url, store, 10_000, 4)
    assert undone == 0


# what other session libraries test, on two nodes that share a store


@pytest.fixture
def nodes(store_kind: str, store_url: str, store: Store) -> tuple[SessionManager, SessionManager]:
    """Two nodes with connections of their own."""
    other = store if store_kind == "memory" else open_store(store_url, budget=20.0)
    return SessionManager(store), SessionManager(other)


Nodes = tuple[SessionManager, SessionManager]


def test_redisson_what_one_server_writes_the_other_reads(nodes: Nodes) -> None:
    """Redisson's two-server tests: written, changed, removed and invalidated here, seen there at the next request."""
    one, two = nodes
    cookie = begin(one, test="1234")
    assert two.open(cookie)["test"] == "1234"
    session = two.open(cookie)
    session["test"] = "from two"
    session.save()
    assert one.open(cookie)["test"] == "from two"
    session = one.open(cookie)
    del session["test"]
    session.save()
    assert "test" not in two.open(cookie)
    two.open(cookie).invalidate()
    assert one.open(cookie).is_new


def test_spring_two_requests_that_loaded_the_same_session(nodes: Nodes) -> None:
    """Spring Session's concurrent updates: another key, the same key, a removal beside a change."""
    one, two = nodes
    cookie = begin(one, b=1, c=1)
    first, second = one.open(cookie), two.open(cookie)
    first["x"], second["y"] = 1, 2
    first["b"] = 2
    del second["c"]
    first["same"], second["same"] = "first", "second"
    first.save()
    second.save()
    assert dict(one.open(cookie)) == {"a": 1, "b": 2, "x": 1, "y": 2, "same": "second"}


def test_spring_a_change_of_id_beside_a_change_of_values(nodes: Nodes) -> None:
    """Spring's changeSessionId races: saved under the old id after the change; and changed twice at once."""
    one, two = nodes
    cookie = begin(one)
    changing, saving = one.open(cookie), two.open(cookie)
    changing.regenerate()
    saving["x"] = 1
    new = finish(changing)
    finish(saving)
    assert dict(two.open(new)) == {"a": 1, "x": 1}


def test_rack_a_slow_request_does_not_restore_a_deleted_session(nodes: Nodes) -> None:
    """rack-session (CVE-2025-46336): logged out while a slow request runs; and its answer sets no cookie."""
    one, two = nodes
    cookie = begin(one, user="ann")
    slow = two.open(cookie)
    slow["late"] = True
    one.open(cookie).invalidate()
    slow.save()
    assert slow.set_cookie() is None
    assert one.open(cookie).is_new
    assert two.open(cookie).is_new


def test_rack_a_slow_first_request_does_not_undo_a_renewal(nodes: Nodes) -> None:
    """rack-session's renew: without grace the old id is dead at once, also for who still holds it."""
    one, two = nodes
    cookie = begin(one)
    renewing = one.open(cookie)
    renewing.regenerate(grace=0)
    new = finish(renewing)
    assert two.open(cookie).is_new
    assert two.open(new)["a"] == 1
