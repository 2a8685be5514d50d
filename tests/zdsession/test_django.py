"""Sessions under Django: what its own engines do, and what ours does better."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import django
import pytest
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.messages"],
    MESSAGE_STORAGE="django.contrib.messages.storage.session.SessionStorage",
    MIDDLEWARE=[
        "zdsession.django.OutageMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="tests only",
    SESSION_ENGINE="zdsession.django",
    USE_TZ=True,
)
django.setup()

from django.contrib import auth, messages  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.sessions.backends.base import CreateError, UpdateError  # noqa: E402
from django.core.exceptions import ImproperlyConfigured  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.test import Client, override_settings  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils.safestring import SafeString, mark_safe  # noqa: E402

from tests.zdsession.adoption.test_adopt import DictReader  # noqa: E402
from tests.zdsession.helpers import Clock, Spy  # noqa: E402
from zdsession.adoption import Adoption  # noqa: E402
from zdsession.codec import AppType  # noqa: E402
from zdsession.django import SessionStore, sessions  # noqa: E402
from zdsession.errors import NotStorableError  # noqa: E402
from zdsession.stores.memory import MemoryStore  # noqa: E402

View = Callable[[HttpRequest], object]
_view: View = lambda request: None  # noqa: E731


def page(request: HttpRequest) -> HttpResponse:
    result = _view(request)
    return result if isinstance(result, HttpResponse) else HttpResponse(str(result))


urlpatterns = [path("", page)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spy(clock: Clock) -> Iterator[Spy]:
    spy = Spy(MemoryStore(clock=clock))
    with override_settings(ZDSESSION_STORE=spy, ZDSESSION_OPTIONS={"clock": clock}):
        yield spy


@pytest.fixture
def store(spy: Spy) -> SessionStore:
    return SessionStore()


def visit(client: Client, view: View) -> HttpResponse:
    global _view
    _view = view
    response: Any = client.get("/")
    assert isinstance(response, HttpResponse)
    return response


def text(client: Client, view: View) -> str:
    return visit(client, view).content.decode()


def saved(**values: Any) -> SessionStore:
    store = SessionStore()
    store.update(values)
    store.save()
    return SessionStore(store.session_key)


# the mapping, and the ways of a backend


def test_a_new_one_is_empty(store: SessionStore) -> None:
    assert (store.modified, store.accessed, store.is_empty(), store.session_key) == (False, False, True, None)
    assert store.get("cat") is None
    assert (store.modified, store.accessed) == (False, True)


@pytest.mark.parametrize(
    ("act", "modified"),
    [
        (lambda s: s.get("a"), False),
        (lambda s: list(s.items()), False),
        (lambda s: s.has_key("a"), False),
        (lambda s: s["nested"][0], False),
        (lambda s: s.pop("none", None), False),
        (lambda s: s.pop("a"), True),
        (lambda s: s.update({"b": 1}), True),
        (lambda s: s.setdefault("b", 1), True),
        (lambda s: s.clear(), True),
        (lambda s: s["nested"].append(1), True),
    ],
)
def test_what_counts_as_a_change(spy: Spy, act: Callable[[SessionStore], object], modified: bool) -> None:
    store = saved(a=1, nested=[0])
    act(store)
    assert (store.accessed, store.modified) == (True, modified)


def test_save_and_load(spy: Spy) -> None:
    store = saved(a=(1, 2), when=datetime.date(2026, 1, 1), text=mark_safe("<b>"))
    assert dict(store.items()) == {"a": (1, 2), "when": datetime.date(2026, 1, 1), "text": "<b>"}
    assert type(store["text"]) is SafeString
    assert store.exists(str(store.session_key))
    assert not store.exists("x" * 64)


def test_saving_an_empty_one_stores_it(store: SessionStore) -> None:
    store.save()
    assert store.exists(str(store.session_key))
    store.delete()
    assert not store.exists(str(store.session_key))


@pytest.mark.parametrize("key", ["1", "unknownunknown", "x" * 64])
def test_an_unknown_id_is_never_adopted(spy: Spy, key: str) -> None:
    store = SessionStore(key)
    assert store.load() == {}
    assert store.session_key is None
    store.save()
    assert store.session_key not in (key, None)


def test_must_create(spy: Spy) -> None:
    with pytest.raises(CreateError):
        saved(a=1).save(must_create=True)


def test_flush(spy: Spy) -> None:
    store = saved(a=1)
    key = str(store.session_key)
    store.get("a")
    store.flush()
    assert not store.exists(key)
    assert (store.session_key, store.modified, store.is_empty()) == (None, True, True)


def test_cycle_key_keeps_the_data(spy: Spy) -> None:
    store = saved(a=1)
    key = str(store.session_key)
    store.cycle_key()
    assert store.session_key != key
    assert not store.exists(key)
    assert dict(SessionStore(store.session_key).items()) == {"a": 1}
    asyncio.run(store.acycle_key())
    assert SessionStore(store.session_key)["a"] == 1


def test_cycle_key_of_a_new_one(store: SessionStore) -> None:
    store["a"] = 1
    store.cycle_key()
    assert SessionStore(store.session_key)["a"] == 1


def test_a_late_save_does_not_undo_a_logout(spy: Spy) -> None:
    one = saved(a=1)
    one.get("a")
    SessionStore(one.session_key).delete()
    one["a"] = 2
    with pytest.raises(UpdateError):
        one.save()
    assert one.load() == {}


def test_two_requests_keep_each_others_keys(spy: Spy) -> None:
    one = saved(a=1, b=1, c=1)
    two = SessionStore(one.session_key)
    one["a"], two["b"] = 2, 2
    del two["c"]
    one.save()
    two.save()
    assert dict(SessionStore(one.session_key).items()) == {"a": 2, "b": 2}


def test_clear_leaves_nothing(spy: Spy) -> None:
    store = saved(a=1)
    store.clear()
    store["b"] = 2
    store.save()
    assert dict(SessionStore(store.session_key).items()) == {"b": 2}


@pytest.mark.parametrize("expiry", [60, datetime.timedelta(seconds=60)])
def test_expiry(spy: Spy, clock: Clock, expiry: Any) -> None:
    store = SessionStore()
    store["a"] = 1
    store.set_expiry(expiry)
    store.save()
    clock.advance(58)
    assert SessionStore(store.session_key).get("a") == 1
    clock.advance(3)
    assert SessionStore(store.session_key).get("a") is None
    clock.advance(120)
    SessionStore.clear_expired()
    assert spy.taken()[-1] == "sweep"


def test_the_default_expiry_is_the_cookies(spy: Spy, clock: Clock) -> None:
    with override_settings(SESSION_COOKIE_AGE=600):
        store = saved(a=1)
    clock.advance(599)
    assert store.exists(str(store.session_key))
    clock.advance(2)
    assert not store.exists(str(store.session_key))


def test_an_id_is_hashed_in_the_store(spy: Spy) -> None:
    store = saved(a=1)
    assert isinstance(spy.store, MemoryStore)
    assert str(store.session_key) not in str(spy.store._records)


def test_what_cannot_be_stored_is_refused(store: SessionStore) -> None:
    store["cart"] = [object()]
    with pytest.raises(NotStorableError, match=r"cart\[0\]"):
        store.save()


def test_in_a_stored_session_it_is_refused_when_it_is_assigned(spy: Spy) -> None:
    store = saved(cart=[1])
    with pytest.raises(NotStorableError, match=r"cart\[0\]"):
        store["cart"] = [object()]
    assert store["cart"] == [1]


def test_values_are_decoded_when_they_are_asked_for(spy: Spy, clock: Clock) -> None:
    decoded: list[int] = []

    def decode(weight: int) -> Basket:
        decoded.append(weight)
        return Basket(weight)

    types = [AppType("basket", Basket, lambda basket: basket.weight, decode)]
    with override_settings(ZDSESSION_OPTIONS={"clock": clock, "types": types}):
        store = saved(one=Basket(1), two=Basket(2), plain=3)
        assert (store["plain"], store.modified) == (3, False)
        assert decoded == []
        assert store["two"] == Basket(2)
        store["one"] = Basket(4)
        store.save()
        assert decoded == [2]
        assert dict(SessionStore(store.session_key).items()) == {"one": Basket(4), "two": Basket(2), "plain": 3}


@dataclass(frozen=True)
class Basket:
    weight: int


def test_a_copy_under_a_new_key_is_a_session_of_its_own(spy: Spy) -> None:
    """As Django's own backends do with ``create()`` on a session that was loaded."""
    first = saved(a=[1])
    old_key = first.session_key
    assert first["a"] == [1]
    first.create()
    assert first.session_key != old_key
    first["b"] = 2
    first.save()
    assert dict(SessionStore(first.session_key).items()) == {"a": [1], "b": 2}
    assert dict(SessionStore(old_key).items()) == {"a": [1]}


def test_cleared_and_filled_again_before_it_is_saved(spy: Spy) -> None:
    store = saved(a=1, b=2)
    store.clear()
    store["c"] = 3
    assert store.modified
    store["d"] = 4
    store.save()
    assert dict(SessionStore(store.session_key).items()) == {"c": 3, "d": 4}


# in requests


def test_untouched_asks_nothing_and_a_read_asks_once(spy: Spy) -> None:
    client = Client()
    visit(client, lambda request: request.session.update({"a": [1]}))
    assert spy.taken() == ["create"]
    visit(client, lambda request: None)
    assert spy.taken() == []
    assert visit(client, lambda request: request.session["a"]).content == b"[1]"
    assert spy.taken() == ["load"]
    visit(client, lambda request: request.session["a"].append(2))
    assert spy.taken() == ["load", "save"]
    assert visit(client, lambda request: request.session["a"]).content == b"[1, 2]"


def test_djangos_cookie_settings_hold(spy: Spy) -> None:
    with override_settings(SESSION_COOKIE_NAME="sid", SESSION_COOKIE_SAMESITE="Strict", SESSION_COOKIE_SECURE=True):
        cookie = visit(Client(), lambda request: request.session.update({"a": 1})).cookies["sid"]
    assert (cookie["samesite"], cookie["secure"], cookie["max-age"]) == ("Strict", True, 14 * 24 * 3600)


def test_last_seen_keeps_a_session_that_is_only_read(spy: Spy, clock: Clock) -> None:
    client = Client()
    visit(client, lambda request: request.session.update({"a": 1}))
    for _ in range(4):
        clock.advance(7 * 24 * 3600)
        response = visit(client, lambda request: request.session["a"])
        assert "sessionid" in response.cookies
    assert response.content == b"1"


@pytest.fixture(scope="module")
def ann() -> Any:
    call_command("migrate", run_syncdb=True, verbosity=0)
    return User.objects.create_user("ann", password="secret")


def login(user: Any) -> View:
    return lambda request: auth.login(request, user)


def who(request: HttpRequest) -> object:
    return auth.get_user(request).pk


def test_login_logout(spy: Spy, ann: Any) -> None:
    client = Client()
    visit(client, lambda request: request.session.update({"cart": 1}))
    before = client.cookies["sessionid"].value
    visit(client, login(ann))
    after = client.cookies["sessionid"].value
    assert before != after
    assert not SessionStore().exists(before)
    assert visit(client, who).content == str(ann.pk).encode()
    assert visit(client, lambda request: request.session["cart"]).content == b"1"
    response = visit(client, auth.logout)
    assert response.cookies["sessionid"]["max-age"] == 0
    assert not SessionStore().exists(after)
    assert visit(client, who).content == b"None"


def test_log_out_everywhere(spy: Spy, ann: Any) -> None:
    phone, laptop = Client(), Client()
    for client in (phone, laptop):
        visit(client, login(ann))
    assert sessions().revoke_user(str(ann.pk)) == 2
    assert visit(phone, who).content == b"None"


def test_djangos_test_client_logs_in(spy: Spy, ann: Any) -> None:
    client = Client()
    client.force_login(ann)
    assert visit(client, who).content == str(ann.pk).encode()
    client.logout()
    assert visit(client, who).content == b"None"


def test_messages(spy: Spy) -> None:
    client = Client()
    visit(client, lambda request: messages.info(request, "saved"))
    read: View = lambda request: [str(message) for message in messages.get_messages(request)]  # noqa: E731
    assert visit(client, read).content == b"['saved']"
    assert visit(client, read).content == b"[]"


def test_a_session_that_ended_under_a_request_is_a_400(spy: Spy) -> None:
    client = Client()
    visit(client, lambda request: request.session.update({"a": 1}))

    def view(request: HttpRequest) -> None:
        request.session["a"] = 2
        SessionStore(request.session.session_key).delete()

    assert visit(client, view).status_code == 400


@pytest.mark.parametrize("on_outage", ["fail", "degrade"])
def test_an_outage_logs_nobody_out(spy: Spy, clock: Clock, on_outage: str) -> None:
    with override_settings(ZDSESSION_OPTIONS={"clock": clock, "on_outage": on_outage}):
        client = Client(raise_request_exception=False)
        visit(client, lambda request: request.session.update({"a": 1}))
        spy.out = True
        response = visit(client, lambda request: request.session.get("a"))
        assert response.status_code == (503 if on_outage == "fail" else 200)
        assert not response.cookies
        response = visit(client, lambda request: request.session.update({"a": 2}))
        assert (response.status_code, response["Retry-After"]) == (503, "7")
        assert not response.cookies
        assert visit(client, lambda request: None).status_code == 200
        spy.out = False
        sessions.cache_clear()  # and with it the open circuit
        assert visit(client, lambda request: request.session["a"]).content == b"1"


# settings


def test_the_store_must_be_said() -> None:
    with override_settings(ZDSESSION_STORE=None), pytest.raises(ImproperlyConfigured, match="ZDSESSION_STORE"):
        sessions()


def test_what_django_says_is_not_said_twice() -> None:
    options = {"cookie_name": "__Host-x"}
    with (
        override_settings(ZDSESSION_STORE="memory://", ZDSESSION_OPTIONS=options),
        pytest.raises(ImproperlyConfigured, match="cookie_name"),
    ):
        sessions()


# the rest of Django's SessionTestsMixin


@pytest.mark.parametrize("key", ["", "1234567", None])
def test_a_key_that_can_be_none_is_forgotten(spy: Spy, key: str | None) -> None:
    assert SessionStore(key).session_key is None
    assert SessionStore("1" * 32).session_key == "1" * 32


def test_the_key_is_read_only(store: SessionStore) -> None:
    with pytest.raises(AttributeError):
        store.session_key = "x" * 64  # type: ignore[misc]


def test_saving_does_not_clear_the_data(store: SessionStore) -> None:
    store["a"] = 1
    store.save()
    assert store["a"] == 1
    store.save()
    assert dict(SessionStore(store.session_key).items()) == {"a": 1}


def test_loading_does_not_create_a_record(spy: Spy) -> None:
    unknown = SessionStore("A" * 64)
    unknown.load()
    assert unknown.session_key is None
    assert set(spy.taken()) == {"load"}


def test_cycling_an_id_before_anything_is_read(spy: Spy) -> None:
    before = saved(a=1)
    old = before.session_key
    before.cycle_key()
    assert before.session_key != old
    assert before["a"] == 1
    assert "a" not in SessionStore(old)


def test_an_expiry_in_the_past_ends_it(store: SessionStore) -> None:
    store["a"] = 1
    store.set_expiry(-3600)
    store.save()
    assert "a" not in SessionStore(store.session_key)


def test_deleting_by_key_and_by_default(spy: Spy) -> None:
    one, two = saved(a=1), saved(a=1)
    one.delete(two.session_key)
    one.delete()
    assert "a" not in SessionStore(one.session_key)
    assert "a" not in SessionStore(two.session_key)
    one.delete("no such key")


# adoption, and draining


def test_a_session_of_djangos_own_engine_is_adopted(spy: Spy, clock: Clock) -> None:
    client = Client()
    reader = DictReader(x={"n": 7, "_auth_user_id": "42"})
    key = "k" * 32
    reader.sessions[key] = reader.sessions.pop("x")
    adoption = Adoption(reader, secret=b"s" * 32, user=lambda values: values["_auth_user_id"])
    with override_settings(ZDSESSION_OPTIONS={"adopt": adoption, "clock": clock}):
        client.cookies["sessionid"] = key
        assert text(client, lambda request: request.session["n"]) == "7"
        new = client.cookies["sessionid"].value
        assert new != key, "Django's cookie of the same name brings the new id"
        assert text(client, lambda request: request.session["n"]) == "7"
        assert len(sessions().sessions_of("42")) == 1
        text(client, lambda request: request.session.flush())
        client.cookies["sessionid"] = key
        assert text(client, lambda request: request.session.get("n")) == "None"


def test_draining_is_shown(spy: Spy) -> None:
    def show(request: HttpRequest) -> object:
        return request.META["zdsession.draining"]

    client = Client()
    assert text(client, show) == "False"
    sessions().draining.begin()
    assert text(client, show) == "True"
