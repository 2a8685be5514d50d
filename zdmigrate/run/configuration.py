"""What a restart brings back: read_only has to be right in the server's own configuration too."""

from __future__ import annotations

import shlex
import subprocess

from zdmigrate.run.servers import Servers
from zdmigrate.run.topology import Node

_HOOK_SECONDS = 60


def make_permanent(servers: Servers, node: Node, *, writable: bool) -> str:
    """See to it that a restart keeps `node` writable, or read-only. Returns what a person has to do yet, or ""."""
    connection, dialect = servers.at(node)
    if dialect.persist(connection, writable=writable):
        return ""
    value = "0" if writable else "1"
    line = f"write `read_only = {value}` into the [mysqld] section of {node.name}'s configuration file"
    if node.set_read_only is None:
        return f"{line}: a restart forgets what we set (MariaDB has no SET PERSIST); or give the node `set_read_only`"
    command = [part.replace("{value}", value) for part in shlex.split(node.set_read_only)]
    try:
        done = subprocess.run(  # noqa: S603 - the command stands in the operator's own topology file
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_HOOK_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{line}: its set_read_only command failed ({error})"
    if done.returncode != 0:
        why = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        return f"{line}: its set_read_only command ended with {done.returncode} ({why[0]})"
    return ""
