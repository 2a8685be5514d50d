"""Bad input reaches nobody: forged cookies, poisoned values, wrong keys, clocks that disagree."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.zdsession.helpers import Browser, Clock
from zdsession import AppType, Keyring, SessionManager, SessionMiddleware
from zdsession.stores import Store
from zdsession.stores.memory import MemoryStore

NAME = "__Host-session"
KEYS = {"k": b"1" * 32}


class Point:
    """A type of the app's; what is stored of it is unpacked without a look."""

    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y


POINT = AppType("point", Point, lambda p: [p.x, p.y], lambda v: Point(*v))


def touch_everything(session: Any) -> None:
    """What an app might do with a session."""
    list(session.items())
    "a" in session  # noqa: B015 - looking is the point
    session.get("a")
    session.pop("b", None)
    session.flashes()
    len(session)
    session["mine"] = [1]
    session["c"] = {"x": 1}
    session.flash("hello")


def app(environ: Any, start_response: Any) -> list[bytes]:
    touch_everything(environ["zdsession"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]


def a_browser(store: Store, **options: Any) -> Browser:
    return Browser(SessionMiddleware(app, store, types=[POINT], **options))


def sound_values(**options: Any) -> dict[str, bytes]:
    """What the store has of a session with everything in it."""
    store = MemoryStore()
    sessions = SessionManager(store, types=[POINT], **options)
    session = sessions.open(None)
    session.update(a=Point(1, 2), b={1, 2}, c={"x": [1, {"y": (1,)}]}, long="x" * 5000)
    session.flash(1)
    session.save()
    (record,) = store._records.values()
    return dict(record.values)


SOUND = sound_values()


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(SOUND)), st.integers(0, 60), st.binary(max_size=6)), max_size=5))
def test_damaged_values_cost_no_page(damages: list[tuple[str, int, bytes]]) -> None:
    """Bytes of sound values replaced, so that the damage is found deep inside."""
    poisoned = dict(SOUND)
    for key, at, noise in damages:
        value = poisoned[key]
        poisoned[key] = value[:at] + noise + value[at + 1 :]
    _serve(poisoned)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "c", "\0flash:1", "\0flash:", "\0copied"]), st.binary(max_size=40)))
@example({"a": b"\x01\x00" + b"\x91" * 5000})
@example({"a": b"\x01\x00\xc1", "\0flash:x": b"\x01\x00\x01"})
@example({"\0flash:x": b"\x01\x00\x93\x01\x02\x03"})
def test_any_bytes_cost_no_page(values: dict[str, bytes]) -> None:
    _serve(values)


def _serve(values: dict[str, bytes]) -> None:
    store = MemoryStore()
    browser = a_browser(store)
    browser.get()
    ((record_id, record),) = store._records.items()
    store._records[record_id] = replace(record, values=values)
    logging.disable(logging.WARNING)
    try:
        assert browser.get().status == "200 OK"
        assert browser.get().status == "200 OK"
    finally:
        logging.disable(logging.NOTSET)
    assert set(browser.cookies) == {NAME}


@settings(deadline=None)
@given(st.binary(max_size=80) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace")))
@example(b"x" * 100_000)
@example(b"=" * 10_000)
@example(b";" * 10_000)
@example(f"{NAME}=".encode() * 3_000)
@example("é\N{PILE OF POO}".encode())
@example(b"\0\r\n\xff\xfe")
def test_forged_cookies_cost_no_page(noise: bytes) -> None:
    store = MemoryStore()
    browser = a_browser(store)
    browser.get()
    good = browser.cookies[NAME]
    text = noise.decode("latin-1")  # as PEP 3333 has headers
    for header in (text, f"{NAME}={text}", f"{NAME}={good}{text}", f"{text}{NAME}={good}", f"{NAME}={good[:-1]}{text}"):
        assert browser.get(cookie=header).status == "200 OK"


def test_duplicated_cookies_find_the_one_that_is_ours() -> None:
    store = MemoryStore()
    browser = a_browser(store)
    browser.get()
    good, forged = browser.cookies[NAME], ["A" * 64, "B" * 64]
    for order in ([good, *forged], [*forged, good], [forged[0], good, forged[1]], [good, good]):
        answer = browser.get(cookie="; ".join(f"{NAME}={value}" for value in order))
        assert answer.all("Set-Cookie") == [], "found: no new session was begun"
    assert len(store._records) == 1


@pytest.mark.parametrize(
    "other",
    [Keyring({"k": b"2" * 32}), Keyring({"other": b"1" * 32}), None],
    ids=["another key of this id", "another id", "no keys"],
)
def test_wrong_keys_cost_no_page_and_no_value(other: Keyring | None, caplog: pytest.LogCaptureFixture) -> None:
    """A node deployed with the wrong keys serves pages without those values; the right one finds them unharmed."""
    store = MemoryStore()
    right = SessionManager(store, keyring=Keyring(KEYS))
    session = right.open(None)
    session["secret"] = "tea"
    session.save()
    cookie = str(session.set_cookie()).split(";")[0]
    wrong = a_browser(store, keyring=other)
    name, _, value = cookie.partition("=")
    wrong.cookies[name] = value
    assert wrong.get().status == "200 OK"
    assert "cannot be read here" in caplog.text
    assert "tea" not in caplog.text
    assert right.open(cookie)["secret"] == "tea"
    assert wrong.cookies == {name: value}


@pytest.mark.parametrize("skew", [-30, -2, 2, 30])
def test_clocks_that_disagree_lose_no_session(skew: int) -> None:
    """Two nodes, one's clock off; requests go to them in turn for ten idle timeouts, each well within one."""
    clock = Clock()
    store = MemoryStore(clock=clock)
    one = SessionManager(store, clock=clock, idle_timeout=120, absolute_timeout=5000)
    two = SessionManager(store, clock=lambda: clock() + skew * 1000, idle_timeout=120, absolute_timeout=5000)
    session = one.open(None)
    session["n"] = 0
    session.save()
    cookie = str(session.set_cookie()).split(";")[0]
    for turn in range(1, 41):
        clock.advance(30)
        sessions = (one, two)[turn % 2]
        session = sessions.open(cookie)
        assert not session.is_new, f"lost at turn {turn}"
        if turn % 5 == 0:
            session.regenerate()
        if turn % 3 == 0:
            session["n"] += 1
        session.save()
        sent = session.set_cookie()
        cookie = cookie if sent is None else sent.split(";")[0]
    assert one.open(cookie)["n"] == 13


def test_a_clock_that_is_set_back_and_forward_ends_nothing_early() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    sessions = SessionManager(store, clock=clock, idle_timeout=120, absolute_timeout=5000, renewal_timeout=60)
    session = sessions.open(None)
    session["n"] = 0
    session.save()
    cookie = str(session.set_cookie()).split(";")[0]
    steps: list[Callable[[], None]] = [
        lambda: clock.advance(-100),
        lambda: clock.advance(100),
        lambda: clock.advance(50),
    ]
    for step in steps:
        step()
        session = sessions.open(cookie)
        assert not session.is_new
        session["n"] += 1
        session.save()
        sent = session.set_cookie()
        cookie = cookie if sent is None else sent.split(";")[0]
    assert sessions.open(cookie)["n"] == 3
