"""Sessions that a real Django made, with its own engines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.zdsession.adoption.django_old_app import VALUES
from tests.zdsession.adoption.visits import Visitor, adopting, events
from zdsession.adoption import DjangoReader

OLD_APP = Path(__file__).with_name("django_old_app.py")
STORED = {**VALUES, "_auth_user_id": "42"}
JSON_SERIALIZER = """
import json
class JSONSerializer:
    def dumps(self, value): return json.dumps(value).encode()
    def loads(self, data): return json.loads(data)
"""


class OldApp:
    """A Django app with its sessions in SQLite, or in a Redis cache."""

    def __init__(
        self, tmp_path: Path, redis_url: str, engine: str, *, json_cache: bool = False, key: str = "key"
    ) -> None:
        tmp_path.joinpath("old_serializer.py").write_text(JSON_SERIALIZER)
        self._folder = tmp_path
        cache: dict[str, Any] = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": redis_url}
        if json_cache:
            cache["OPTIONS"] = {"serializer": "old_serializer.JSONSerializer"}
        self._settings = {
            "CACHES": {"default": cache},
            "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "old.db")}},
            "SECRET_KEY": key,
            "SESSION_ENGINE": f"django.contrib.sessions.backends.{engine}",
        }

    def visit(self, page: str, cookie: str | None = None) -> tuple[str, dict[str, Any]]:
        task = json.dumps({"settings": self._settings, "steps": [[page, cookie]]})
        done = subprocess.run(
            [sys.executable, str(OLD_APP), task], capture_output=True, text=True, check=False, cwd=self._folder,
            env={"PYTHONPATH": str(self._folder)}, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        ((sent, body),) = json.loads(done.stdout)
        return sent, body


def in_sql(tmp_path: Path, **options: Any) -> DjangoReader:
    return DjangoReader.in_sql(f"sqlite:///{tmp_path}/old.db", **{"secret_key": "key", **options})


def test_rows_of_the_db_engine_and_the_way_back(tmp_path: Path, redis_url: str) -> None:
    old = OldApp(tmp_path, redis_url, "db")
    cookie, _ = old.visit("set")
    ann = Visitor(adopting(in_sql(tmp_path), keep_old=True), {"sessionid": cookie})
    assert ann.visit() == STORED
    assert len(ann.sessions.sessions_of("42")) == 1, "who Django had logged in can be logged out everywhere"
    assert old.visit("get", cookie)[1] == STORED, "the way back"
    ann.visit(lambda session: session.invalidate())
    assert old.visit("get", cookie)[1] == {}


def test_rows_of_cached_db_and_keys_in_rotation(tmp_path: Path, redis_url: str) -> None:
    cookie, _ = OldApp(tmp_path, redis_url, "cached_db", key="older").visit("set")
    with events() as seen:
        assert Visitor(adopting(in_sql(tmp_path)), {"sessionid": cookie}).visit() == {}
    assert any("signature" in str(fields.get("reason")) for _, fields in seen)
    ann = Visitor(adopting(in_sql(tmp_path, fallbacks=["older"])), {"sessionid": cookie})
    assert ann.visit() == STORED


def test_a_cache_that_serialises_to_json(tmp_path: Path, redis_url: str) -> None:
    cookie, _ = OldApp(tmp_path, redis_url, "cache", json_cache=True).visit("set")
    ann = Visitor(adopting(DjangoReader.in_redis_cache(redis_url)), {"sessionid": cookie})
    assert ann.visit() == STORED
    assert set(ann.cookies) == {"__Host-session"}


def test_a_cache_that_pickles_is_refused_with_an_event(tmp_path: Path, redis_url: str) -> None:
    cookie, _ = OldApp(tmp_path, redis_url, "cache").visit("set")
    with events() as seen:
        assert Visitor(adopting(DjangoReader.in_redis_cache(redis_url)), {"sessionid": cookie}).visit() == {}
    assert ("adoption_refused", {"source": "django", "reason": "pickled"}) in seen


@pytest.mark.parametrize("cookie", ["", "short", "A" * 32, "a" * 41, "a" * 31 + "'", "é" * 32])
def test_what_is_no_key_of_djangos(tmp_path: Path, cookie: str) -> None:
    assert in_sql(tmp_path).key(cookie) is None
