"""Requests that run side by side, on every store, with threads."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from zdsession import Session, SessionManager
from zdsession.stores import Store

NAME = "__Host-session"


def begin(sessions: SessionManager, **values: object) -> str:
    """A stored session; its Cookie header."""
    session = sessions.open(None)
    session.update({"a": 1, **values})
    return finish(session)


def finish(session: Session, cookie: str = "") -> str:
    """Save; the Cookie header of the next request."""
    session.save()
    sent = session.set_cookie()
    return cookie if sent is None else sent.split(";")[0]


def together(count: int, work: Callable[[int], object]) -> None:
    """Run ``work(0)`` … ``work(count - 1)`` at the same moment; an exception of one is raised."""
    barrier = threading.Barrier(count)

    def one(n: int) -> None:
        barrier.wait(30)
        work(n)

    with ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(one, n) for n in range(count)]:
            future.result(60)


def test_eight_writers_keep_eighty_of_eighty(store: Store) -> None:
    sessions = SessionManager(store)
    cookie = begin(sessions)

    def write(writer: int) -> None:
        for turn in range(10):
            session = sessions.open(cookie)
            session["a"]  # loads, as a page would
            session[f"{writer}-{turn}"] = turn
            session.save()

    together(8, write)
    session = sessions.open(cookie)
    assert sum(f"{writer}-{turn}" in session for writer in range(8) for turn in range(10)) == 80


def test_one_request_each_for_eighty_keys_from_one_read(store: Store) -> None:
    """All read first, then all write: the widest race there is."""
    sessions = SessionManager(store)
    cookie = begin(sessions)
    loaded = [sessions.open(cookie) for _ in range(8)]
    for n, session in enumerate(loaded):
        session[f"k{n}"] = n
    together(8, lambda n: loaded[n].save())
    assert dict(sessions.open(cookie)) == {"a": 1, **{f"k{n}": n for n in range(8)}}


def test_a_late_request_never_revives_a_logout(store: Store) -> None:
    """300 logouts, each beside a request that loaded before and saves at a random moment."""
    sessions = SessionManager(store, idle_timeout=600, touch_fraction=0)
    chance = random.Random(4)
    revived = 0
    for turn in range(300):
        cookie = begin(sessions, cart=[])
        late = sessions.open(cookie)
        late["cart"].append("tea")
        logout = sessions.open(cookie)
        if turn % 3 == 0:
            late.regenerate()
        pause, who_waits = chance.random() * 0.002, turn % 2

        def work(
            n: int, late: Session = late, logout: Session = logout, pause: float = pause, w: int = who_waits
        ) -> None:
            if n == w:
                time.sleep(pause)
            late.save() if n == 0 else logout.invalidate()

        together(2, work)
        after = late.set_cookie()
        revived += not sessions.open(cookie).is_new
        revived += after is not None and not sessions.open(after.split(";")[0]).is_new
    assert revived == 0


def test_revoking_a_user_ends_sessions_that_are_in_use(store: Store) -> None:
    sessions = SessionManager(store)
    cookies = []
    for _ in range(8):
        session = sessions.open(None)
        session.user_id = "ann"
        cookies.append(finish(session))
    stop = threading.Event()

    def use(n: int) -> None:
        turn = 0
        while not stop.is_set() and turn < 500:
            turn += 1
            session = sessions.open(cookies[n])
            if session.is_new:
                return
            session["turn"] = turn
            session.save()

    def revoke(n: int) -> None:
        time.sleep(0.05)
        sessions.revoke_user("ann")
        stop.set()

    together(9, lambda n: revoke(n) if n == 8 else use(n))
    assert all(sessions.open(cookie).is_new for cookie in cookies)
    assert sessions.sessions_of("ann") == []


def test_regenerate_beside_parallel_requests_loses_none(store: Store) -> None:
    """One of 20 requests changes the id; the others began with the old one, and all of them count."""
    sessions = SessionManager(store)
    old = begin(sessions)
    answers: list[str] = [old] * 20

    def request(n: int) -> None:
        session = sessions.open(old)
        assert session["a"] == 1, "logged out by a parallel request"
        session[f"k{n}"] = n
        if n == 7:
            session.regenerate()
        answers[n] = finish(session, old)

    together(20, request)
    new = {answer for answer in answers if answer != old}
    assert len(new) == 1
    assert dict(sessions.open(new.pop())) == {"a": 1, **{f"k{n}": n for n in range(20)}}


def test_when_all_regenerate_the_browser_is_sent_one_id(store: Store) -> None:
    """Whatever order the answers arrive in, the cookie the browser ends with works."""
    sessions = SessionManager(store, grace=5)
    old = begin(sessions)
    answers: list[str] = [old] * 10

    def request(n: int) -> None:
        session = sessions.open(old)
        session[f"k{n}"] = n
        session.regenerate()
        answers[n] = finish(session, old)

    together(10, request)
    new = {answer for answer in answers if answer != old}
    assert len(new) == 1
    assert len(sessions.open(new.pop())) == 11
