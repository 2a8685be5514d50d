"""The mapping an app sees: lazy, merged, renewed, ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.zdsession.helpers import Clock, Spy
from zdsession import (
    ConfigurationError,
    DegradedWriteError,
    HeadersSentError,
    NotStorableError,
    Session,
    SessionManager,
    StoreUnavailableError,
)
from zdsession.stores.memory import MemoryStore

NAME = "__Host-session"


class World:
    """A manager on a memory store, a clock, and what a browser does with cookies."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.spy = Spy(MemoryStore(clock=self.clock))
        self.sessions = SessionManager(self.spy, clock=self.clock, **options)

    def open(self, cookie: str | None = None) -> Session:
        return self.sessions.open(cookie and f"{NAME}={cookie}")

    def finish(self, session: Session, cookie: str | None = None) -> str | None:
        """Save; the cookie the browser has after that, having had ``cookie`` before."""
        session.save()
        sent = session.set_cookie()
        if sent is None:
            return cookie
        assert sent.startswith(f"{NAME}=")
        return sent.split(";")[0].partition("=")[2] or None

    def begin(self, **values: Any) -> str:
        """A stored session; its cookie."""
        session = self.open()
        session.update(values)
        cookie = self.finish(session)
        assert cookie
        self.spy.taken()
        return cookie


@pytest.fixture
def world() -> World:
    return World()


# laziness


def test_untouched_asks_nothing(world: World) -> None:
    cookie = world.begin(a=1)
    session = world.open(cookie)
    assert world.finish(session, cookie) == cookie
    assert world.spy.taken() == []
    assert not session.touched
    assert repr(session) == "<Session not read yet>"


def test_reading_asks_once_and_writes_nothing(world: World) -> None:
    cookie = world.begin(a=[1], b=2)
    session = world.open(cookie)
    assert session["a"] == [1]
    assert dict(session) == {"a": [1], "b": 2}
    assert "b" in session
    assert "c" not in session
    assert len(session) == 2
    world.finish(session)
    assert world.spy.taken() == ["load"]
    assert session.touched


def test_a_visitor_without_cookie_costs_nothing_until_something_is_kept(world: World) -> None:
    session = world.open()
    assert session.get("a") is None
    assert session.is_new
    assert world.finish(session) is None
    assert world.spy.taken() == []


def test_writing_asks_twice(world: World) -> None:
    session = world.open(world.begin(a=1))
    session["a"] = 2
    world.finish(session)
    assert world.spy.taken() == ["load", "save"]


def test_writing_the_same_writes_nothing(world: World) -> None:
    session = world.open(world.begin(a=1))
    session["a"] = 1
    world.finish(session)
    assert world.spy.taken() == ["load"]


def test_nested_changes_are_seen(world: World) -> None:
    cookie = world.begin(cart={"items": []})
    session = world.open(cookie)
    session["cart"]["items"].append("tea")
    world.finish(session)
    assert world.open(cookie)["cart"] == {"items": ["tea"]}


def test_parallel_requests_keep_each_others_keys(world: World) -> None:
    cookie = world.begin(a=1, b=1, c=1)
    one, two = world.open(cookie), world.open(cookie)
    one["a"] = 2
    two["b"] = 2
    del two["c"]
    world.finish(one)
    world.finish(two)
    assert dict(world.open(cookie)) == {"a": 2, "b": 2}


# the mapping


@pytest.mark.parametrize("key", ["", "\0flash:x", "k" * 513, "\ud800"])
def test_keys_that_are_refused(world: World, key: str) -> None:
    with pytest.raises(ValueError, match="session key"):
        world.open()[key] = 1


def test_keys_are_text(world: World) -> None:
    with pytest.raises(TypeError, match="session keys are str, not int"):
        world.open()[1] = 1  # type: ignore[index]


def test_values_are_checked_when_assigned(world: World) -> None:
    session = world.open()
    with pytest.raises(NotStorableError, match=r"cart\[0\]"):
        session["cart"] = [object()]
    assert "cart" not in session


def test_clear_keeps_the_session(world: World) -> None:
    cookie = world.begin(a=1)
    session = world.open(cookie)
    session.clear()
    assert world.finish(session, cookie) == cookie
    assert dict(world.open(cookie)) == {}
    assert not world.open(cookie).is_new


def test_times(world: World) -> None:
    began = world.clock()
    cookie = world.begin(a=1)
    world.clock.advance(3600)
    session = world.open(cookie)
    assert session.created == session.last_seen == datetime.fromtimestamp(began / 1000, UTC)
    assert not session.is_new
    world.finish(session)
    assert world.open(cookie).last_seen == datetime.fromtimestamp(world.clock() / 1000, UTC)
    assert world.open().created == world.open().last_seen == datetime.fromtimestamp(world.clock() / 1000, UTC)


def test_repr_and_id_give_nothing_away(world: World) -> None:
    cookie = world.begin(a="password")
    session = world.open(cookie)
    assert len(session.id) == 64
    assert repr(session) == f"<Session {session.id[:12]}>"
    assert session.id not in cookie


# ids that were never given out


@pytest.mark.parametrize("cookie", ["x" * 64, "short", "é" * 64])
def test_unknown_ids_are_never_adopted(world: World, cookie: str) -> None:
    session = world.open(cookie)
    session["a"] = 1
    given = world.finish(session)
    assert given != cookie
    assert world.open(cookie).is_new


def test_the_right_record_with_a_wrong_secret_is_refused(world: World, caplog: pytest.LogCaptureFixture) -> None:
    cookie = world.begin(a=1)
    forged = cookie[:22] + "x" * 42
    with caplog.at_level(logging.WARNING, "zdsession"):
        assert world.open(forged).is_new
    assert [getattr(r, "event", None) for r in caplog.records] == ["wrong_secret"]
    assert cookie not in caplog.text
    assert forged not in caplog.text


def test_of_several_cookies_the_valid_one_counts(world: World) -> None:
    cookie = world.begin(a=1)
    session = world.sessions.open(f"{NAME}={'x' * 64}; {NAME}={cookie}; {NAME}=junk")
    assert session["a"] == 1


# regenerate


def test_regenerate_keeps_data_and_the_old_id_for_a_while(world: World) -> None:
    old = world.begin(a=1)
    session = world.open(old)
    session.regenerate()
    new = world.finish(session, old)
    assert new
    assert new != old
    assert new[:21] == old[:21], "the selector stays"
    assert world.spy.taken() == ["load", "save"]
    for cookie in (old, new):
        assert world.open(cookie)["a"] == 1
    world.clock.advance(30)
    assert world.open(old).is_new
    assert world.open(new)["a"] == 1


def test_regenerate_without_grace(world: World) -> None:
    old = world.begin(a=1)
    session = world.open(old)
    session.regenerate(grace=0)
    new = world.finish(session, old)
    assert world.open(old).is_new
    assert world.open(new)["a"] == 1


def test_a_request_with_the_old_id_saves_and_does_not_send_it_again(world: World) -> None:
    old = world.begin(a=1)
    session = world.open(old)
    session.regenerate()
    new = world.finish(session, old)
    late = world.open(old)
    late["b"] = 2
    late.regenerate()
    late.save()
    assert late.set_cookie() is None
    assert dict(world.open(new)) == {"a": 1, "b": 2}


def test_of_two_that_regenerate_at_once_one_id_wins(world: World) -> None:
    old = world.begin(a=1)
    one, two = world.open(old), world.open(old)
    for n, session in enumerate((one, two)):
        session.regenerate()
        session[f"from{n}"] = n
    new = world.finish(one, old)
    two.save()
    assert two.set_cookie() is None
    world.clock.advance(60)
    assert dict(world.open(new)) == {"a": 1, "from0": 0, "from1": 1}


@pytest.mark.parametrize("user", ["ann", None])
def test_a_request_whose_id_was_changed_twice_replaces_nobodys_cookie(world: World, user: str | None) -> None:
    """By a renewal and a login, say, while it was under way: what it writes is dropped."""
    first = world.begin(a=1)
    session = world.open(first)
    session.regenerate()
    second = world.finish(session, first)
    session = world.open(second)
    if user:
        session.user_id = user
    else:
        session.regenerate()
    third = world.finish(session, second)
    late = world.open(first)
    assert "a" not in late
    late["b"] = 2
    late.save()
    assert late.set_cookie() is None
    assert dict(world.open(third)) == {"a": 1}
    world.clock.advance(31)
    assert world.open(first).is_new


def test_regenerating_a_new_session_is_nothing(world: World) -> None:
    session = world.open()
    session.regenerate()
    session["a"] = 1
    assert world.open(world.finish(session))["a"] == 1
    assert world.spy.taken() == ["create", "load"]


def test_renewal_timeout_regenerates_by_itself() -> None:
    world = World(renewal_timeout=600)
    cookie = world.begin(a=1)
    world.clock.advance(599)
    assert world.finish(_touched(world.open(cookie)), cookie) == cookie
    world.clock.advance(1)
    new = world.finish(_touched(world.open(cookie)), cookie)
    assert new != cookie
    assert world.open(new)["a"] == 1


# invalidate


def test_invalidate_is_final_at_once(world: World) -> None:
    cookie = world.begin(a=1)
    late = world.open(cookie)
    late["a"] = 2
    session = world.open(cookie)
    session.invalidate()
    assert world.open(cookie).is_new, "before anything was saved"
    assert world.finish(session, cookie) is None
    assert world.finish(late, cookie) == cookie
    assert world.open(cookie).is_new


def test_what_follows_invalidate_is_a_new_session(world: World) -> None:
    cookie = world.begin(a=1)
    session = world.open(cookie)
    session.user_id = "ann"
    session.invalidate()
    assert dict(session) == {}
    assert session.user_id is None
    session["bye"] = True
    new = world.finish(session, cookie)
    assert new
    assert new[:21] != cookie[:21]
    assert dict(world.open(new)) == {"bye": True}


# users


def test_login_changes_the_id_and_leaves_the_old_one_nothing(world: World) -> None:
    planted = world.begin(cart=[1])
    session = world.open(planted)
    session.user_id = "ann"
    mine = world.finish(session, planted)
    assert mine != planted
    assert world.open(mine).user_id == "ann"
    assert world.open(mine)["cart"] == [1]
    spy = world.open(planted)
    assert spy.user_id is None
    assert dict(spy) == {}


def test_a_request_that_raced_the_login_does_not_replace_its_cookie(world: World) -> None:
    old = world.begin(cart=[1])
    session = world.open(old)
    session.user_id = "ann"
    mine = world.finish(session, old)
    racing = world.open(old)
    racing["csrf"] = "x"
    racing.save()
    assert racing.set_cookie() is None
    assert world.open(mine).user_id == "ann"
    world.clock.advance(31)
    later = world.open(old)
    later["csrf"] = "x"
    assert world.finish(later) != old, "after the grace, the old id is any unknown id"


def test_a_login_that_raced_another_gets_its_own_session(world: World) -> None:
    old = world.begin(cart=[1])
    first = world.open(old)
    first.user_id = "ann"
    world.finish(first, old)
    second = world.open(old)
    second.user_id = "bob"
    cookie = world.finish(second)
    assert world.open(cookie).user_id == "bob"
    assert dict(world.open(cookie)) == {}


def test_binding_the_same_user_again_is_nothing(world: World) -> None:
    cookie = world.begin(a=1)
    session = world.open(cookie)
    session.user_id = "ann"
    cookie = str(world.finish(session, cookie))
    world.spy.taken()
    session = world.open(cookie)
    session.user_id = "ann"
    assert world.finish(session, cookie) == cookie
    assert world.spy.taken() == ["load"]


@pytest.mark.parametrize(("user", "error"), [(7, TypeError), ("", ValueError), ("é" * 128, ValueError)])
def test_users_are_short_text(world: World, user: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="user_id"):
        world.open().user_id = user


# read-once values


def test_flashes_are_read_once_in_order(world: World) -> None:
    cookie = world.begin(a=1)
    session = world.open(cookie)
    session.flash("one")
    session.flash({"two": 2}, "error")
    session.flash("three")
    assert list(session) == ["a"]
    world.finish(session)
    session = world.open(cookie)
    assert session.flashes("error") == [("error", {"two": 2})]
    world.finish(session)
    session = world.open(cookie)
    assert session.flashes() == [("message", "one"), ("message", "three")]
    assert session.flashes() == []
    world.finish(session)
    assert world.open(cookie).flashes() == []


def test_a_flash_that_cannot_be_stored(world: World) -> None:
    with pytest.raises(NotStorableError, match=r"flashed as message\[0\] of type builtins.object"):
        world.open().flash([object()])


def test_parallel_flashes_are_both_kept(world: World) -> None:
    cookie = world.begin(a=1)
    one, two = world.open(cookie), world.open(cookie)
    one.flash("one")
    two.flash("two")
    world.finish(one)
    world.finish(two)
    assert {value for _, value in world.open(cookie).flashes()} == {"one", "two"}


# time


def test_idle_and_absolute_timeouts() -> None:
    world = World(idle_timeout=100, absolute_timeout=250)
    cookie = world.begin(a=1)
    for _ in range(2):
        world.clock.advance(99)
        assert _touched(world.open(cookie)).get("a") == 1
        world.finish(_touched(world.open(cookie)), cookie)
    world.clock.advance(51)
    assert world.open(cookie)["a"] == 1
    world.clock.advance(1)
    assert world.open(cookie).is_new, "250 seconds after it began, used or not"
    cookie = world.begin(a=1)
    world.clock.advance(100)
    assert world.open(cookie).is_new, "100 seconds after it was last used"


def test_touch_is_throttled() -> None:
    world = World(idle_timeout=1000, touch_fraction=0.1)
    cookie = world.begin(a=1)
    for _ in range(99):
        world.clock.advance(1)
        world.finish(_touched(world.open(cookie)))
    assert set(world.spy.taken()) == {"load"}
    world.clock.advance(1)
    world.finish(_touched(world.open(cookie)))
    assert world.spy.taken() == ["load", "touch"]


def test_a_failed_touch_is_not_the_pages_fault() -> None:
    world = World(idle_timeout=1000)
    cookie = world.begin(a=1)
    world.clock.advance(500)
    session = _touched(world.open(cookie))
    world.spy.out = True
    assert world.finish(session, cookie) == cookie


def test_a_persistent_cookie_rolls_with_the_idle_timeout() -> None:
    world = World(idle_timeout=1000, absolute_timeout=1200, persistent=True)
    session = world.open()
    session["a"] = 1
    cookie = world.finish(session)
    assert "; Max-Age=1000;" in str(session.set_cookie())
    world.clock.advance(50)
    session = _touched(world.open(cookie))
    session.save()
    assert session.set_cookie() is None
    world.clock.advance(250)
    session = _touched(world.open(cookie))
    session.save()
    assert "; Max-Age=900;" in str(session.set_cookie()), "the absolute timeout is nearer"


# after the headers


def test_after_the_headers_what_needs_one_is_refused(world: World) -> None:
    cookie = world.begin(a=1)
    known, new, untouched = _touched(world.open(cookie)), _touched(world.open()), world.open(cookie)
    for session in (known, new, untouched):
        session.save()
        session.headers_sent = True
    known["b"] = 2
    known.save()
    assert world.open(cookie)["b"] == 2
    with pytest.raises(HeadersSentError, match="new id needs a cookie"):
        known.regenerate()
    with pytest.raises(HeadersSentError, match="change of user"):
        known.user_id = "ann"
    with pytest.raises(HeadersSentError, match="this session is new"):
        new["a"] = 1
    with pytest.raises(HeadersSentError, match="touched first"):
        untouched.get("a")
    known.invalidate()
    assert world.open(cookie).is_new


def test_after_the_end_nothing_changes_any_more(world: World) -> None:
    cookie = world.begin(a=1)
    session = world.open(cookie)
    session.finish()
    assert session["a"] == 1
    with pytest.raises(HeadersSentError, match="the request is over"):
        session["a"] = 2


# outage


def test_fail_raises_and_a_store_that_is_back_is_used() -> None:
    world = World(circuit_failures=99)
    cookie = world.begin(a=1)
    world.spy.out = True
    session = world.open(cookie)
    with pytest.raises(StoreUnavailableError, match="out"):
        session.get("a")
    world.finish(session)
    assert session.set_cookie() is None
    world.spy.out = False
    assert world.open(cookie)["a"] == 1


def test_a_logout_that_cannot_be_final_is_an_error(world: World) -> None:
    cookie = world.begin(a=1)
    session = _touched(world.open(cookie))
    world.spy.out = True
    with pytest.raises(StoreUnavailableError):
        session.invalidate()
    assert session.outage is not None
    assert session.set_cookie() is None


def test_degrade_is_empty_read_only_and_keeps_the_cookie() -> None:
    world = World(on_outage="degrade")
    cookie = world.begin(a=1)
    assert not world.open(cookie).degraded
    world.spy.out = True
    session = world.open(cookie)
    assert session.get("a") is None
    assert session.degraded
    assert session.user_id is None
    assert session.flashes() == []
    changes: list[Callable[[], object]] = [
        lambda: session.update(a=1),
        lambda: session.flash("x"),
        session.invalidate,
        session.regenerate,
        session.clear,
    ]
    for change in changes:
        with pytest.raises(DegradedWriteError, match="takes no changes"):
            change()
    assert world.finish(session, cookie) == cookie


def test_an_open_circuit_asks_the_store_nothing() -> None:
    world = World(on_outage="degrade", circuit_failures=2, circuit_cooldown=60)
    cookie = world.begin(a=1)
    world.spy.out = True
    for _ in range(50):
        assert world.open(cookie).degraded
    assert world.spy.taken() == ["load", "load"]


# the manager


def test_log_out_everywhere(world: World) -> None:
    cookies = []
    for _ in range(3):
        session = world.open()
        session.user_id = "ann"
        cookies.append(world.finish(session))
        world.clock.advance(1)
    here = world.open(cookies[0])
    listed = world.sessions.sessions_of("ann")
    assert [found.id for found in listed] == [world.open(cookie).id for cookie in cookies]
    assert world.sessions.revoke_user("ann", keep=here) == 2
    assert [world.open(cookie).is_new for cookie in cookies] == [False, True, True]
    assert world.sessions.revoke(here.id)
    assert not world.sessions.revoke(here.id)
    assert world.open(cookies[0]).is_new


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"idle_timeout": 0}, "idle_timeout"),
        ({"idle_timeout": 10, "absolute_timeout": 5}, "at most absolute_timeout"),
        ({"absolute_timeout": 401 * 86400}, "400 days"),
        ({"renewal_timeout": 0}, "renewal_timeout"),
        ({"grace": -1}, "grace"),
        ({"touch_fraction": 1}, "touch_fraction"),
        ({"on_outage": "ignore"}, "'fail' or 'degrade', not 'ignore'"),
        ({"cookie_name": "id"}, "must begin with __Host-"),
    ],
)
def test_options_that_cannot_work(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        SessionManager("memory://", **options)


def test_options_there_are_not() -> None:
    with pytest.raises(TypeError, match="timeout"):
        SessionManager("memory://", timeout=5)


def _touched(session: Session) -> Session:
    session.get("anything")
    return session


# idle limits of requests that run side by side


def test_a_late_request_does_not_shorten_a_session_that_was_made_longer_meanwhile(world: World) -> None:
    """It loaded the session before a login with "remember me", and is saved after it: by a touch, or a write."""
    for late_change in ({}, {"late": 1}):
        cookie = world.begin(cart=1)
        world.clock.advance(1800)
        late = world.open(cookie)
        assert late["cart"] == 1
        login = world.open(cookie)
        login["user"] = "ann"
        login.idle_ms = 20 * 3600 * 1000
        world.finish(login)
        late.update(late_change)
        world.finish(late)
        world.clock.advance(15 * 3600)
        assert world.open(cookie)["user"] == "ann"


@pytest.mark.parametrize("change", [{}, {"x": 2}], ids=["a look", "a write"])
def test_a_shorter_idle_limit_counts_at_once(world: World, change: dict[str, int]) -> None:
    cookie = world.begin(cart=1)
    session = world.open(cookie)
    session["x"] = 1
    session.idle_ms = 20 * 3600 * 1000
    world.finish(session)
    world.clock.advance(600)
    session = world.open(cookie)
    assert session["cart"] == 1
    session.update(change)
    session.idle_ms = 3600 * 1000
    world.finish(session)
    world.clock.advance(2 * 3600)
    assert "cart" not in world.open(cookie)
