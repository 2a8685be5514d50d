"""Sessions that a real Beaker made, serialised as JSON."""

from __future__ import annotations

import random
import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.zdsession.adoption.visits import Visitor, adopting, events
from tests.zdsession.helpers import Browser
from zdsession.adoption import BeakerReader

VALUES = {"cart": ["tea", {"n": 2}], "user": 42, "who": "Ann é", "none": None}
NAME = "beaker.session.id"


class OldApp:
    """A WSGI app on Beaker, and one visitor's browser."""

    def __init__(self, config: dict[str, str], values: dict[str, Any] = VALUES) -> None:
        self.seen: dict[str, Any] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from beaker.middleware import SessionMiddleware  # type: ignore[import-untyped]

        def app(environ: Any, start_response: Any) -> list[bytes]:
            session = environ["beaker.session"]
            if environ["PATH_INFO"] == "/set":
                session.update(values)
                session.save()
            self.seen = {key: value for key, value in session.items() if not key.startswith("_")}
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"ok"]

        options = {"session.data_serializer": "json", **{f"session.{name}": value for name, value in config.items()}}
        self.browser = Browser(SessionMiddleware(app, options))

    def visit(self, page: str) -> dict[str, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.browser.get(page)
        return self.seen

    @property
    def cookie(self) -> str:
        return next(value for name, value in self.browser.cookies.items() if name.strip() == NAME)


def config_for(place: str, tmp_path: Path, redis_url: str) -> dict[str, str]:
    if place == "redis":
        return {"type": "ext:redis", "url": redis_url}
    return {"type": "ext:database", "url": f"sqlite:///{tmp_path}/old.db", "lock_dir": str(tmp_path)}


def reader_for(place: str, tmp_path: Path, redis_url: str, **options: Any) -> BeakerReader:
    if place == "redis":
        return BeakerReader.in_redis(redis_url, **options)
    return BeakerReader.in_sql(f"sqlite:///{tmp_path}/old.db", **options)


@pytest.mark.parametrize(
    ("place", "secret", "size"),
    [("redis", None, 1), ("redis", "beaker's own", 300), ("sql", None, 1), ("sql", "beaker's own", 70_000)],
)
def test_visitors_stay_logged_in(place: str, secret: str | None, size: int, tmp_path: Path, redis_url: str) -> None:
    signed = {} if secret is None else {"secret": secret}
    values = {**VALUES, "pad": random.Random(1).randbytes(size).hex()}  # which does not compress to nothing
    old = OldApp({**config_for(place, tmp_path, redis_url), **signed}, values)
    old.visit("/set")
    ann = Visitor(adopting(reader_for(place, tmp_path, redis_url, **signed)), {NAME: old.cookie})
    assert ann.visit() == values
    assert set(ann.cookies) == {"__Host-session"}
    assert ann.visit()["user"] == 42
    if place == "redis":  # in SQL Beaker keeps a namespace it has loaded
        assert old.visit("/") == {}


@pytest.mark.parametrize("place", ["redis", "sql"])
def test_the_way_back(place: str, tmp_path: Path, redis_url: str) -> None:
    old = OldApp(config_for(place, tmp_path, redis_url))
    old.visit("/set")
    ann = Visitor(adopting(reader_for(place, tmp_path, redis_url), keep_old=True), {NAME: old.cookie})
    assert ann.visit() == VALUES
    assert old.visit("/") == VALUES
    ann.visit(lambda session: session.invalidate())
    assert NAME not in ann.cookies


@pytest.mark.parametrize("place", ["redis", "sql"])
def test_its_pickle_is_refused_with_an_event(place: str, tmp_path: Path, redis_url: str) -> None:
    old = OldApp({**config_for(place, tmp_path, redis_url), "data_serializer": "pickle"})
    old.visit("/set")
    with events() as seen:
        assert Visitor(adopting(reader_for(place, tmp_path, redis_url)), {NAME: old.cookie}).visit() == {}
    (fields,) = [fields for event, fields in seen if event == "adoption_refused"]
    assert "pickle" in str(fields["reason"])


def test_its_timeout_is_kept(tmp_path: Path, redis_url: str) -> None:
    old = OldApp(config_for("redis", tmp_path, redis_url))
    old.visit("/set")
    for timeout, kept in ((-1, False), (3600, True)):
        sessions = adopting(reader_for("redis", tmp_path, redis_url, timeout=timeout), keep_old=True)
        assert bool(Visitor(sessions, {NAME: old.cookie}).visit()) is kept


def test_forged_ids(tmp_path: Path, redis_url: str) -> None:
    old = OldApp({**config_for("redis", tmp_path, redis_url), "secret": "beaker's own"})
    old.visit("/set")
    sessions = adopting(reader_for("redis", tmp_path, redis_url, secret="beaker's own"), keep_old=True)
    good = old.cookie
    for forged in ("", good[40:], "0" * 40 + good[40:], good + "0", good[:-1], "é" * 72, good.upper()):
        assert Visitor(sessions, {NAME: forged}).visit() == {}, forged
    assert Visitor(sessions, {NAME: good}).visit() == VALUES
