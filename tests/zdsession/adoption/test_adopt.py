"""Adoption itself, with an old system that is a dict."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.zdsession.adoption.visits import SECRET, Visitor, adopting, events
from tests.zdsession.helpers import Clock, Spy
from zdsession import ConfigurationError, SessionManager, StoreUnavailableError
from zdsession.adoption import Adoption, OldCookie, RefusedError
from zdsession.stores import Store
from zdsession.stores.memory import MemoryStore

OURS = "__Host-session"


class DictReader:
    """Sessions in a dict; the cookie is the key."""

    name = "dict"
    cookie = OldCookie("old")

    def __init__(self, **sessions: Mapping[Any, Any]) -> None:
        self.sessions: dict[str, Mapping[Any, Any]] = dict(sessions)
        self.reads: list[str] = []
        self.out = False
        self.refusal: str | None = None

    def key(self, value: str) -> str | None:
        return value if value.isalnum() else None

    def read(self, key: str) -> Mapping[str, Any] | None:
        self.reads.append(key)
        self._fail_if_out()
        if self.refusal is not None:
            raise RefusedError(self.refusal)
        return self.sessions.get(key)

    def remove(self, key: str) -> None:
        self._fail_if_out()
        self.sessions.pop(key, None)

    def user(self, values: Mapping[str, Any]) -> str | None:
        return values.get("user")

    def _fail_if_out(self) -> None:
        if self.out:
            raise StoreUnavailableError("the old store is out")


@pytest.fixture
def reader() -> DictReader:
    return DictReader(ann={"cart": ["tea"], "user": "ann", "n": 1})


def visitor(sessions: SessionManager, old: str = "ann") -> Visitor:
    return Visitor(sessions, {"old": old})


def test_a_visitor_keeps_what_they_had(reader: DictReader) -> None:
    ann = visitor(adopting(reader))
    with events() as seen:
        assert ann.visit() == {"cart": ["tea"], "user": "ann", "n": 1}
    assert [(event, fields["kept"]) for event, fields in seen if event == "adopted"] == [("adopted", 3)]
    assert set(ann.cookies) == {OURS}, "the old cookie is gone"
    assert reader.sessions == {}, "and so is the old record"
    assert ann.visit() == {"cart": ["tea"], "user": "ann", "n": 1}
    assert reader.reads == ["ann"], "the old store is asked once"


def test_a_page_that_does_not_look_asks_nothing(reader: DictReader) -> None:
    spy = Spy(MemoryStore())
    ann = visitor(adopting(reader, spy))
    ann.visit(lambda session: None)
    assert (spy.taken(), reader.reads, ann.sent) == ([], [], [])


def test_a_first_look_after_the_response_adopts_nothing(reader: DictReader) -> None:
    """No cookie could be sent any more."""
    ann = visitor(adopting(reader))
    session = ann.begin()
    session.finish()
    assert dict(session) == {}
    assert reader.reads == []
    assert ann.visit()["n"] == 1


def test_the_session_is_the_users(reader: DictReader) -> None:
    sessions = adopting(reader)
    ann = visitor(sessions)
    ann.visit()
    assert len(sessions.sessions_of("ann")) == 1
    sessions.revoke_user("ann")
    assert ann.visit() == {}


def test_the_app_says_who_is_logged_in(reader: DictReader) -> None:
    sessions = adopting(reader, user=lambda values: f"n{values['n']}")
    visitor(sessions).visit()
    assert len(sessions.sessions_of("n1")) == 1


@pytest.mark.parametrize("user", ["", "x" * 256, 7, None, "\ud800"])
def test_a_user_that_cannot_be_bound_is_none(reader: DictReader, user: Any) -> None:
    ann = visitor(adopting(reader, user=lambda values: user))
    assert ann.visit(lambda session: session.user_id) is None


def test_a_function_that_fails_keeps_nobody_out(reader: DictReader, caplog: pytest.LogCaptureFixture) -> None:
    ann = visitor(adopting(reader, user=lambda values: values["no such key"]))
    assert ann.visit(lambda session: (session.user_id, session["n"])) == (None, 1)
    assert "the function given to Adoption failed" in caplog.text


def test_what_cannot_be_kept_is_dropped_and_named() -> None:
    strange = {"ok": 1, "object": object(), 7: "int key", "": "no name", "\0x": "hidden", "big": "x" * 300_000}
    ann = visitor(adopting(DictReader(ann=strange)))
    with events() as seen:
        assert ann.visit() == {"ok": 1}
    (fields,) = [fields for event, fields in seen if event == "adopted"]
    assert fields["dropped"] == ["'object'", "7", "''", "'\\x00x'", "'big'"]


def test_a_session_that_is_too_large_is_cut_at_a_value() -> None:
    ann = visitor(
        adopting(DictReader(ann={"a": "x" * 600, "b": "y" * 600, "c": 1}), options={"max_session_bytes": 1000})
    )
    assert set(ann.visit()) == {"a", "c"}


@pytest.mark.parametrize("old", [{}, {"object": object()}])
def test_nothing_worth_keeping_is_nothing(old: dict[str, Any]) -> None:
    ann = visitor(adopting(DictReader(ann=old)))
    assert ann.visit(lambda session: session.is_new)
    assert ann.cookies == {}


@pytest.mark.parametrize("cookie", ["nobody", "not alnum", ""])
def test_an_unknown_old_id_is_nothing(reader: DictReader, cookie: str) -> None:
    eve = visitor(adopting(reader), cookie)
    with events() as seen:
        assert eve.visit() == {}
    assert [event for event, _ in seen] == ["adoption_refused"]
    assert eve.cookies == {}, "the useless cookie goes"
    assert reader.sessions


def test_a_refused_one_says_why(reader: DictReader) -> None:
    reader.refusal = "pickled"
    with events() as seen:
        assert visitor(adopting(reader)).visit() == {}
    assert ("adoption_refused", {"source": "dict", "reason": "pickled"}) in seen


def test_our_own_cookie_goes_first(reader: DictReader) -> None:
    ann = visitor(adopting(reader))
    ann.visit()
    reader.sessions["ann"] = {"cart": ["stale"]}
    ann.cookies["old"] = "ann"
    assert ann.visit()["cart"] == ["tea"]
    assert reader.reads == ["ann"]


def test_of_several_old_cookies_the_live_one_counts(reader: DictReader) -> None:
    sessions = adopting(reader)
    session = sessions.open("old=nobody; old=; old=ann; old=ann")
    assert session["n"] == 1
    many = sessions.open("; ".join(f"old=x{n}" for n in range(50)))
    assert dict(many) == {}
    assert len(reader.reads) == 2 + 4, "a request may not make us ask at will"


def test_a_login_in_the_same_request_gets_a_new_id(reader: DictReader) -> None:
    ann = visitor(adopting(reader))
    racing = visitor(ann.sessions).begin()

    def login(session: Any) -> None:
        assert session["n"] == 1
        session.user_id = "admin"

    ann.visit(login)
    assert ann.visit(lambda session: (session.user_id, session["n"])) == ("admin", 1)
    assert dict(racing) == {}, "what came with the old id sees nothing of the login"
    assert racing.set_cookie() is None


def test_the_old_id_works_for_its_grace_and_no_longer(reader: DictReader) -> None:
    clock = Clock()
    sessions = adopting(reader, MemoryStore(clock=clock), options={"clock": clock}, grace=60)
    lost, again = visitor(sessions), visitor(sessions)
    lost.visit()  # the answer gets lost: the browser keeps its old cookie
    clock.advance(59)
    assert again.visit()["n"] == 1
    assert again.cookies == lost.cookies, "the same session, the same cookie"
    clock.advance(2)
    late = visitor(sessions)
    assert late.visit() == {}
    assert again.visit()["n"] == 1


# finality


@pytest.mark.parametrize("keep_old", [False, True])
def test_a_logout_is_final(reader: DictReader, keep_old: bool) -> None:
    sessions = adopting(reader, keep_old=keep_old)
    ann, thief = visitor(sessions), visitor(sessions)
    ann.visit()
    ann.visit(lambda session: session.invalidate())
    assert ann.cookies == {}
    assert reader.sessions == {}, "so a roll back does not revive it"
    assert ann.visit() == {}
    assert thief.visit() == {}


@pytest.mark.parametrize("keep_old", [False, True])
def test_also_where_the_old_record_could_not_be_removed(reader: DictReader, keep_old: bool) -> None:
    sessions = adopting(reader, keep_old=keep_old)
    ann, thief = visitor(sessions), visitor(sessions)
    ann.visit()
    reader.sessions["ann"] = {"n": 1}
    reader.out = True
    ann.visit(lambda session: session.invalidate())
    reader.out = False
    assert thief.visit() == {}


def test_a_logout_elsewhere_is_final_too(reader: DictReader) -> None:
    sessions = adopting(reader, keep_old=True)
    ann = visitor(sessions)
    ann.visit()
    sessions.revoke_user("ann")
    assert ann.visit() == {}
    assert "old" in ann.cookies
    assert ann.visit() == {}


def test_an_old_session_beside_ours_ends_with_it(reader: DictReader) -> None:
    """Logged in on an old node and on a new one, with both cookies."""
    ann = Visitor(adopting(reader, keep_old=True))
    ann.visit(lambda session: session.update(a=1))
    ann.cookies["old"] = "ann"
    ann.visit(lambda session: session.invalidate())
    assert ann.cookies == {}
    assert reader.sessions == {}
    assert visitor(ann.sessions).visit() == {}


@pytest.mark.parametrize("step", range(7))
def test_a_slow_first_request_finds_what_a_quick_one_took_over(step: int) -> None:
    """One request is held before any of its calls to our store or the old one; another adopts meanwhile."""
    memory = MemoryStore()
    steps = 0

    def held() -> None:
        nonlocal steps
        steps += 1
        if steps == step + 1:
            quick.visit(lambda session: session.update(quick=True))

    class Slow(Spy):
        def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
            held()
            return super()._call(name, *args, **kwargs)

    class SlowReader(DictReader):
        def read(self, key: str) -> Mapping[str, Any] | None:
            held()
            return reader.read(key)

    reader = DictReader(ann={"n": 1})
    quick, slow = visitor(adopting(reader, memory)), visitor(adopting(SlowReader(), Slow(memory)))
    assert slow.visit(lambda session: session["n"]) == 1
    assert slow.cookies == (quick.cookies if quick.sent else slow.cookies)
    assert quick.visit(lambda session: session["n"]) == 1


# the way back


def test_keep_old_leaves_the_way_back_open(reader: DictReader) -> None:
    before = dict(reader.sessions)
    ann = visitor(adopting(reader, keep_old=True))
    ann.visit(lambda session: session.update(n=2))
    assert set(ann.cookies) == {"old", OURS}
    assert reader.sessions == before, "the old app finds what it left"
    assert ann.visit()["n"] == 2
    assert reader.reads == ["ann"]


# outages


def test_the_old_store_out_is_an_outage_that_changes_no_cookie(reader: DictReader) -> None:
    ann = visitor(adopting(reader))
    reader.out = True
    with pytest.raises(StoreUnavailableError):
        ann.visit()
    reader.out = False
    assert ann.visit()["n"] == 1


def test_degrade(reader: DictReader) -> None:
    ann = visitor(adopting(reader, options={"on_outage": "degrade"}))
    reader.out = True
    assert ann.visit(lambda session: session.degraded)
    assert ann.cookies == {"old": "ann"}
    reader.out = False
    assert ann.visit()["n"] == 1


@pytest.mark.parametrize("fails_at", range(1, 6))
def test_our_store_out_at_any_step_loses_nothing(reader: DictReader, fails_at: int) -> None:
    class Failing(Spy):
        def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
            self.out = len(self.calls) + 1 == fails_at
            return super()._call(name, *args, **kwargs)

    store = Failing(MemoryStore())
    ann = visitor(adopting(reader, store))
    with pytest.raises(StoreUnavailableError):
        ann.visit()
    assert ann.visit()["n"] == 1
    assert ann.visit()["n"] == 1


def test_an_old_record_that_cannot_be_removed_is_reported(reader: DictReader) -> None:
    class Stuck(DictReader):
        def remove(self, key: str) -> None:
            raise StoreUnavailableError("read-only")

    ann = visitor(adopting(Stuck(ann={"n": 1})))
    with events() as seen:
        assert ann.visit() == {"n": 1}
    assert "old_session_left" in [event for event, _ in seen]


# in parallel, and derived ids


@pytest.mark.parametrize("keep_old", [True, False])
def test_parallel_first_requests_make_one_session(store: Store, keep_old: bool) -> None:
    """16 first requests at once, on two nodes: one session, and every request's own key is in it."""
    reader = DictReader(ann={"n": 1})
    nodes = [adopting(reader, store, keep_old=keep_old), adopting(reader, store, keep_old=keep_old)]
    barrier = threading.Barrier(16)

    def first(n: int) -> dict[str, str]:
        ann = visitor(nodes[n % 2])
        session = ann.begin()
        barrier.wait(30)
        assert session["n"] == 1
        session[f"k{n}"] = n
        ann.end(session)
        return ann.cookies

    with ThreadPoolExecutor(16) as pool:
        cookies = list(pool.map(first, range(16)))
    assert len({jar[OURS] for jar in cookies}) == 1
    assert Visitor(nodes[0], cookies[0]).visit() == {"n": 1, **{f"k{n}": n for n in range(16)}}


@pytest.mark.parametrize("step", range(5))
def test_a_slow_first_request_never_revives_a_logout(step: int) -> None:
    """One request adopts and is held before any of its store calls; another adopts and logs out meanwhile."""
    reader = DictReader(ann={"n": 1})
    memory = MemoryStore()
    quick = adopting(reader, memory, keep_old=True)

    class Slow(Spy):
        def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
            if len(self.calls) == step:
                other = visitor(quick)
                other.visit()
                other.visit(lambda session: session.invalidate())
            return super()._call(name, *args, **kwargs)

    slow = visitor(adopting(reader, Slow(memory), keep_old=True))
    slow.visit(lambda session: session.get("n"))
    assert [slow.visit(), visitor(quick).visit()] == [{}, {}]


def test_another_secret_makes_another_id_and_still_adopts_once(reader: DictReader) -> None:
    memory = MemoryStore()
    ann, again = visitor(adopting(reader, memory, keep_old=True)), visitor(adopting(reader, memory, secret=b"x" * 32))
    ann.visit()
    assert again.visit() == {}


def test_ids_cannot_be_derived_without_the_secret(reader: DictReader) -> None:
    one, two = visitor(adopting(reader, keep_old=True)), visitor(adopting(reader, keep_old=True, secret=b"y" * 32))
    one.visit()
    two.visit()
    assert one.cookies[OURS] != two.cookies[OURS]
    assert SECRET not in one.cookies[OURS].encode()


@pytest.mark.parametrize("secret", [b"short", "text of more than thirty-two letters"])
def test_a_secret_that_is_none_is_refused(reader: DictReader, secret: Any) -> None:
    with pytest.raises(ConfigurationError, match="32 bytes"):
        Adoption(reader, secret=secret)


@pytest.mark.parametrize(
    ("cookie", "words"),
    [
        (OldCookie("session"), ["session=; Max-Age=0", "Path=/;"]),
        (OldCookie("s", "shop.example", "/app"), ["Path=/app", "Domain=shop.example"]),
        (OldCookie("__Secure-s"), ["; Secure"]),
    ],
)
def test_the_old_cookie_is_expired_as_it_was_set(cookie: OldCookie, words: list[str]) -> None:
    assert all(word in cookie.expire() for word in words)
