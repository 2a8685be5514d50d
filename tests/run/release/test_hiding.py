"""Passwords of a release, hidden in whatever is quoted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdmigrate.run.release.hiding import Hiding
from zdmigrate.run.release.read import read_release

_FILE = """
[release]
fleet = "redis://:${STORE_PASSWORD}@cache/0"
alembic = "alembic.ini"
topology = "topology.toml"
[versions]
new = "2"
[balancer]
kind = "command"
out = "true"
in = "true"
state = "echo in"
[commands]
start = "true"
stop = "true"
[[smoke]]
headers = { X-Api-Key = "of-a-smoke-test", X-Forwarded-Proto = "https" }
[[node]]
name = "web1"
address = "10.0.0.1:80"
[[node]]
name = "web2"
address = "10.0.0.2:80"
"""
_TOPOLOGY = """
[[node]]
name = "a"
url = "mysql+pymysql://deploy:${DB_PASSWORD}@db1/shop"
[[node]]
name = "b"
url = "mysql+pymysql://deploy:${DB_PASSWORD}@db2/shop"
[replication]
user = "repl"
password = "${REPLICATION_PASSWORD}"
[traffic]
kind = "fleet"
store = "redis://:${TRAFFIC_PASSWORD}@cache/1"
"""
_PASSWORDS = {
    "STORE_PASSWORD": "st@re",
    "DB_PASSWORD": "gr%eat",
    "REPLICATION_PASSWORD": "replicates",
    "TRAFFIC_PASSWORD": "steered",
}


def test_every_password_of_a_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _PASSWORDS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "topology.toml").write_text(_TOPOLOGY)
    (tmp_path / "release.toml").write_text(_FILE)
    hiding = Hiding.of(read_release(tmp_path / "release.toml"))
    for secret in ("st%40re", "st@re", "gr%eat", "replicates", "steered", "of-a-smoke-test"):
        assert hiding.hidden(f"said {secret}, over https") == "said ***, over https", secret


def test_what_cannot_be_read_hides_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORE_PASSWORD", raising=False)
    (tmp_path / "release.toml").write_text(_FILE)
    assert Hiding.of(read_release(tmp_path / "release.toml")).hidden("of-a-smoke-test") == "***"


@given(st.lists(st.text("abc", max_size=6)), st.text("abc"))
def test_none_is_left(secrets: list[str], text: str) -> None:
    shown = Hiding(tuple(secrets)).hidden(text)
    assert not [secret for secret in secrets if len(secret) >= 4 and secret in shown]
    if not [secret for secret in secrets if len(secret) >= 4]:
        assert shown == text
