"""Prometheus metrics: what they count, and that no label grows with the users."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.zdsession.helpers import Spy
from zdsession import SessionManager, StoreUnavailableError
from zdsession.events import EVENTS, emit
from zdsession.metrics import SessionMetrics
from zdsession.stores.memory import MemoryStore


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def sessions() -> SessionManager:
    return SessionManager(Spy(MemoryStore()), circuit_failures=1)


@pytest.fixture
def metrics(sessions: SessionManager, registry: CollectorRegistry) -> Iterator[SessionMetrics]:
    metrics = SessionMetrics(sessions, registry)
    yield metrics
    metrics.close()


def begin(sessions: SessionManager, user: str | None = None) -> str:
    session = sessions.open(None)
    session["a"] = 1
    session.user_id = user
    session.save()
    return str(session.set_cookie()).split(";")[0]


@pytest.mark.usefixtures("metrics")
def test_counts(sessions: SessionManager, registry: CollectorRegistry) -> None:
    for _ in range(3):
        begin(sessions, "ann")
    sessions.open(begin(sessions)).invalidate()
    sessions.revoke_user("ann")
    emit("merged", "", conflicts=4)
    emit("expired", "", count=100)
    emit("adopted", "", source="django", kept=5, dropped=["'x'"])
    assert sessions.open("__Host-session=" + "A" * 64).is_new

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("zdsession_events_total", event="created") == 4
    assert value("zdsession_events_total", event="unknown_id") == 1
    assert value("zdsession_events_total", event="store_error") == 0
    assert value("zdsession_ended_total", how="invalidated") == 1
    assert value("zdsession_ended_total", how="revoked") == 3
    assert value("zdsession_ended_total", how="expired") == 100
    assert value("zdsession_conflicts_total") == 4
    assert value("zdsession_adopted_values_total", what="kept") == 5
    assert value("zdsession_adopted_values_total", what="dropped") == 1


@pytest.mark.usefixtures("metrics")
def test_states(sessions: SessionManager, registry: CollectorRegistry) -> None:
    assert registry.get_sample_value("zdsession_circuit_open") == 0
    assert registry.get_sample_value("zdsession_draining") == 0
    sessions.draining.begin()
    sessions.store._store.out = True  # type: ignore[attr-defined]
    with pytest.raises(StoreUnavailableError):
        sessions.open("__Host-session=" + "A" * 64).get("a")
    assert registry.get_sample_value("zdsession_circuit_open") == 1
    assert registry.get_sample_value("zdsession_draining") == 1


@pytest.mark.usefixtures("metrics")
def test_labels_are_bounded_and_hold_no_id(sessions: SessionManager, registry: CollectorRegistry) -> None:
    def series() -> set[bytes]:
        return {line.rpartition(b" ")[0] for line in generate_latest(registry).splitlines() if b"_created" not in line}

    for event in EVENTS:
        emit(event, "a" * 64)
    before = series()
    for n in range(200):
        cookie = begin(sessions, f"user-{n}")
        sessions.open(cookie).invalidate()
        emit("adopted", f"{n:064}", source=f"s{n}", kept=n, dropped=[f"k{n}"])
        emit("store_error", "", error=f"error {n}")
    after = series()
    assert after - before <= {
        b'zdsession_adopted_values_total{what="kept"}', b'zdsession_adopted_values_total{what="dropped"}',
    }  # fmt: skip
    assert b"user-" not in b"".join(after)


def test_closing_ends_it(registry: CollectorRegistry) -> None:
    metrics = SessionMetrics(registry=registry)
    metrics.close()
    emit("created", "")
    assert generate_latest(registry) == b""
    SessionMetrics(registry=registry).close()
