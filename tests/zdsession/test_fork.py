"""A pre-fork server: the parent has used the store, and its children open connections of their own."""

from __future__ import annotations

import os

import pytest

from zdsession import SessionManager
from zdsession.stores import Store


@pytest.mark.parametrize("store_kind", ["sqlite", "redis", "mysql"])
def test_children_keep_their_writes_and_the_parents_connection(store_kind: str, store: Store) -> None:
    sessions = SessionManager(store)
    session = sessions.open(None)
    session["parent"] = 1
    session.save()
    cookie = str(session.set_cookie()).split(";")[0]
    children = [_fork(sessions, cookie, n) for n in range(4)]
    for turn in range(20):
        session = sessions.open(cookie)
        session[f"parent{turn}"] = turn
        session.save()
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
    assert len(sessions.open(cookie)) == 1 + 20 + 4 * 10


def _fork(sessions: SessionManager, cookie: str, n: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        for turn in range(10):
            session = sessions.open(cookie)
            session[f"{n}-{turn}"] = turn
            session.save()
        status = 0
    finally:
        os._exit(status)
