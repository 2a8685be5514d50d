"""How much disk a server has left, where it tells; and whether that is enough for copies of tables.

MySQL tells nobody over SQL. MariaDB does in information_schema.DISKS, when its plugin is there (INSTALL SONAME 'disks')
and the account has FILE (MariaDB manual, "Information Schema DISKS Table"; sizes are in KiB).
"""

from __future__ import annotations

from collections.abc import Mapping

from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import ServerError

#: What to accept when the estimate of what a copy needs is known to be too high.
DISK_SPACE = "disk-space"
#: A copy, its index trees and the sort files, beside what is written meanwhile.
NEEDS = 1.3


def free_bytes(connection: Connection) -> int | None:
    """Bytes left where the server keeps its data; None when it does not tell."""
    try:
        folder = str(connection.value("SELECT @@GLOBAL.datadir"))
        rows = connection.rows("SELECT Path AS path, Available AS available FROM information_schema.DISKS")
    except ServerError:
        return None
    mounted = [row for row in rows if _lies_in(folder, str(row["path"]))]
    if not mounted:
        return None
    return int(max(mounted, key=lambda row: len(str(row["path"])))["available"]) * 1024


def too_little(free: Mapping[str, int | None], needed: int) -> tuple[str, ...]:
    """One sentence for each node whose disk would be full before a copy of `needed` bytes is done."""
    wanted = needed * NEEDS
    return tuple(
        f"the disk of {node} is nearly full: {_mib(left)} MiB are left, and the copy of the table needs about "
        f"{_mib(wanted)} MiB; make room, or say --accept {DISK_SPACE} when you know better"
        for node, left in free.items()
        if left is not None and left < wanted
    )


def note(free: Mapping[str, int | None], needed: int) -> str:
    """What a person should know of the room that is needed."""
    silent = [node for node, left in free.items() if left is None]
    unknown = f"; how much there is cannot be asked of {', '.join(silent)}: look" if silent else ""
    return f"each node needs about {_mib(needed * NEEDS)} MiB free on its disk while it is altered{unknown}"


def _lies_in(folder: str, mount: str) -> bool:
    return (folder.rstrip("/") + "/").startswith(mount.rstrip("/") + "/")


def _mib(count: float) -> str:
    return f"{max(1, round(count / 1024 / 1024)):,}"
