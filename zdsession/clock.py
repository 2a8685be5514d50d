"""The wall clock, in one place."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Milliseconds since the epoch, UTC. Nodes are expected to agree within a second or two (NTP)."""
    return time.time_ns() // 1_000_000
