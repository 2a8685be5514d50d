"""What race tests run in threads and, the same, in processes of their own."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from zdsession import Session, SessionManager
from zdsession.stores import Store, open_store

#: Forks from a server that has imported all this once: a process of its own in milliseconds, and no thread is forked.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.zdsession.races", "zdsession.stores.redis", "zdsession.stores.sql"])

DEADLINE = 120.0
BUDGET = 20.0


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
        barrier.wait(DEADLINE)
        work(n)

    with ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(one, n) for n in range(count)]:
            future.result(DEADLINE)


class Others:
    """Processes that each run ``work(sessions, connection, number, *arguments)`` on a store of their own."""

    def __init__(self, url: str, count: int, work: Callable[..., None], *arguments: Any) -> None:
        self.ends: list[Connection] = []
        self._processes = []
        for number in range(count):
            ours, theirs = CONTEXT.Pipe()
            process = CONTEXT.Process(target=_run, args=(url, theirs, work, number, arguments), daemon=True)
            process.start()
            theirs.close()
            self.ends.append(ours)
            self._processes.append(process)

    def say(self, what: object) -> None:
        for end in self.ends:
            end.send(what)

    def hear(self) -> list[Any]:
        """One message of each. Fails when a process died, or says nothing for too long."""
        heard = []
        for end in self.ends:
            assert end.poll(DEADLINE), "a process says nothing"
            heard.append(end.recv())
        return heard

    def __enter__(self) -> Others:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for end in self.ends:
            end.close()
        for process in self._processes:
            process.join(10)
            if process.is_alive():
                process.kill()
                process.join(10)


def _run(url: str, connection: Connection, work: Callable[..., None], number: int, arguments: tuple[Any, ...]) -> None:
    store = open_store(url, budget=BUDGET)
    try:
        work(SessionManager(store, touch_fraction=0), connection, number, *arguments)
    except EOFError:
        pass  # the test is over
    finally:
        store.close()


def write_keys(sessions: SessionManager, connection: Connection, number: int, cookie: str, threads: int) -> None:
    """``threads`` writers of ten rounds each, every round a request that reads and then sets a key of its own."""
    connection.send("ready")
    connection.recv()
    together(threads, lambda thread: ten_rounds(sessions, cookie, number * threads + thread))
    connection.send("done")


def ten_rounds(sessions: SessionManager, cookie: str, writer: int) -> None:
    for turn in range(10):
        session = sessions.open(cookie)
        assert session["a"] == 1  # loads, as a page would
        session[f"{writer}-{turn}"] = turn
        session.save()


def late_saves(sessions: SessionManager, connection: Connection, number: int, seed: int) -> None:
    """Batch after batch of cookies: load each session, and save them once told to, at random moments."""
    chance = random.Random(seed + number)
    while True:
        cookies = connection.recv()
        if cookies is None:
            return
        loaded = [load_late(sessions, cookie, chance) for cookie in cookies]
        connection.send("ready")
        connection.recv()
        connection.send([save_late(session, chance) for session in loaded])


def load_late(sessions: SessionManager, cookie: str, chance: random.Random) -> Session:
    session = sessions.open(cookie)
    session["cart"].append("tea")
    if chance.random() < 0.3:
        session.regenerate()
    return session


def save_late(session: Session, chance: random.Random) -> str | None:
    """The cookie that the late request's answer brings, if any."""
    if chance.random() < 0.5:
        time.sleep(chance.random() * 0.001)
    session.save()
    return session.set_cookie()


def log_out(sessions: SessionManager, cookies: list[str], chance: random.Random) -> None:
    for cookie in cookies:
        if chance.random() < 0.5:
            time.sleep(chance.random() * 0.001)
        sessions.open(cookie).invalidate()


def revived(sessions: SessionManager, cookies: list[str], answers: list[str | None]) -> int:
    """How many sessions open although they were logged out."""
    later = [answer.split(";")[0] for answer in answers if answer is not None]
    return sum(not sessions.open(cookie).is_new for cookie in [*cookies, *later])


def race_in_threads(store: Store, tries: int, seed: int) -> int:
    """Logouts beside late requests in another thread; how many were undone."""
    sessions, chance, undone = SessionManager(store, touch_fraction=0), random.Random(seed), 0
    for start in range(0, tries, 50):
        cookies = [begin(sessions, cart=[]) for _ in range(min(50, tries - start))]
        loaded = [load_late(sessions, cookie, chance) for cookie in cookies]
        answers: list[str | None] = []

        def work(n: int, loaded: list[Session] = loaded, c: list[str] = cookies, a: list[str | None] = answers) -> None:
            if n == 0:
                a.extend(save_late(session, chance) for session in loaded)
            else:
                log_out(sessions, c, random.Random(seed))

        together(2, work)
        undone += revived(sessions, cookies, answers)
    return undone


def race_in_processes(url: str, store: Store, tries: int, seed: int) -> int:
    """The same, the late requests in another process."""
    sessions, chance, undone = SessionManager(store, touch_fraction=0), random.Random(seed), 0
    with Others(url, 1, late_saves, seed) as other:
        for start in range(0, tries, 50):
            cookies = [begin(sessions, cart=[]) for _ in range(min(50, tries - start))]
            other.say(cookies)
            assert other.hear() == ["ready"]
            other.say("go")
            log_out(sessions, cookies, chance)
            undone += revived(sessions, cookies, other.hear()[0])
        other.say(None)
    return undone
