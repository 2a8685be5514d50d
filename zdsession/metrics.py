"""Prometheus metrics of a process's sessions, counted from its events. Needs ``pip install zdrelease[metrics]``.

    metrics = SessionMetrics(sessions)  # in the default registry

Labels have a fixed, small set of values; never an id, a user or a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

from zdsession.events import EVENTS, subscribe

if TYPE_CHECKING:
    from zdsession.manager import SessionManager


class SessionMetrics:
    """Counts what happens to sessions from now on, until :meth:`close`.

    - ``zdsession_events_total{event}``: each event of ``docs/sessions.md``.
    - ``zdsession_ended_total{how}``: sessions ended: ``invalidated`` (logout), ``revoked`` or ``expired`` (swept).
    - ``zdsession_conflicts_total``: saves of other requests that had to be merged.
    - ``zdsession_adopted_values_total{what}``: values of adopted sessions, ``kept`` and ``dropped``.
    - ``zdsession_circuit_open``, ``zdsession_draining``: 0 or 1, of ``manager``. Not with several processes that share
      one registry of files (``PROMETHEUS_MULTIPROC_DIR``), where a gauge cannot ask the process it belongs to.

    Args:
        manager: whose circuit and draining are shown; None for none. Events are those of the whole process.
        registry: where the metrics are registered; None registers them nowhere.
    """

    def __init__(self, manager: SessionManager | None = None, registry: CollectorRegistry | None = REGISTRY) -> None:
        self._registry = registry
        self._events = Counter("zdsession_events", "Events of sessions", ["event"], registry=registry)
        self._ended = Counter("zdsession_ended", "Sessions ended, by how", ["how"], registry=registry)
        self._conflicts = Counter("zdsession_conflicts", "Parallel saves that were merged", registry=registry)
        self._adopted = Counter(
            "zdsession_adopted_values", "Values of adopted sessions, kept and dropped", ["what"], registry=registry
        )
        self._collectors: list[Counter | Gauge] = [self._events, self._ended, self._conflicts, self._adopted]
        for event in EVENTS:
            self._events.labels(event)  # begins at 0, so that a rate of the first one can be computed
        if manager is not None:
            self._show(manager)
        self._unsubscribe = subscribe(self._count)

    def close(self) -> None:
        """Stop counting, and leave the registry."""
        self._unsubscribe()
        if self._registry is not None:
            for collector in self._collectors:
                self._registry.unregister(collector)

    def _show(self, manager: SessionManager) -> None:
        circuit = Gauge("zdsession_circuit_open", "1 while the store is not asked", registry=self._registry)
        circuit.set_function(lambda: float(manager.circuit.is_open))
        draining = Gauge("zdsession_draining", "1 while this node drains", registry=self._registry)
        draining.set_function(lambda: float(bool(manager.draining)))
        self._collectors += [circuit, draining]

    def _count(self, event: str, record_id: str, fields: Mapping[str, object]) -> None:
        self._events.labels(event).inc()
        if event in ("invalidated", "revoked", "expired"):
            self._ended.labels(event).inc(_number(fields.get("count", fields.get("found", 1))))
        elif event == "merged":
            self._conflicts.inc(_number(fields.get("conflicts")))
        elif event == "adopted":
            dropped = fields.get("dropped")
            self._adopted.labels("kept").inc(_number(fields.get("kept")))
            self._adopted.labels("dropped").inc(len(dropped) if isinstance(dropped, list) else 0)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int) else 0.0
