"""This process, and whether another process of the same machine is really gone."""

from __future__ import annotations

import os
from pathlib import Path


def machine() -> str:
    """Where a pid means the same process: this boot of this machine, and this container. "" if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def born(pid: int) -> str:
    """What tells a process from a later one with its pid: when it started, in the kernel's ticks. "" if unknown."""
    fields = _fields(pid)
    return fields[19] if len(fields) > 19 else ""


def is_gone(pid: int, since: str) -> bool:
    """Whether the process that had ``pid`` and was born at ``since`` has ended: seen, not inferred from silence.

    Only for a process of the same :func:`machine`. One that its parent has not waited for (a zombie, as in containers
    whose first process reaps nobody) has ended.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False  # it is there, and belongs to somebody else
    fields = _fields(pid)
    now = fields[19] if len(fields) > 19 else ""
    return bool(since and now and (since != now or fields[0] in ("Z", "X")))


def _fields(pid: int) -> list[str]:
    """What the kernel says of a process, from its state on; nothing where it does not say."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()  # the name before it may hold anything
