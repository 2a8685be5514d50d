"""Where the ALGORITHM and LOCK clause goes in a statement."""

from __future__ import annotations

import re

from zdmigrate.flavour import Flavour
from zdmigrate.history import syntax as s

_TABLE = re.compile(
    r"^(\s*(?:/\*.*?\*/\s*)*ALTER\s+(?:ONLINE\s+|IGNORE\s+)*TABLE\s+(?:IF\s+EXISTS\s+)?"
    r"(?:`[^`]+`|\"[^\"]+\"|[\w$]+)(?:\s*\.\s*(?:`[^`]+`|[\w$]+))?(?:\s+(?:NO)?WAIT(?:\s+\d+)?)?)\s+",
    re.IGNORECASE | re.DOTALL,
)


def takes_clause(node: s.AlterTable, target: Flavour) -> bool:
    """False when the statement has such a clause already, or the server's grammar takes none there."""
    if node.algorithm is not None or node.lock is not None or not node.actions:
        return False
    if target.is_mariadb:
        return node.form != "DROP INDEX" and not any(_on_partitions(action) for action in node.actions)
    return True


def with_clause(sql: str, node: s.AlterTable, clause: str) -> str:
    """The statement with `clause` ("ALGORITHM=INPLACE, LOCK=NONE") where the grammar wants it."""
    if not clause:
        return sql
    body = sql.rstrip().rstrip(";").rstrip()
    if node.form != "ALTER TABLE":
        return f"{body}\n{clause.replace(', ', ' ')}"
    last = node.actions[-1]
    partitioning = isinstance(last, s.PartitionBy) or _is_removal(last)
    if partitioning or _on_partitions(last) or isinstance(last, s.Rebuild):
        found = _TABLE.match(body)
        if found is None:
            return sql
        comma = "" if partitioning and len(node.actions) == 1 else ","
        return f"{found[1]} {clause}{comma} {body[found.end() :]}"
    return f"{body}\n, {clause}"


def _is_removal(action: s.AlterAction) -> bool:
    return isinstance(action, s.AlterPartitions) and action.operation.upper().startswith("REMOVE")


def _on_partitions(action: s.AlterAction) -> bool:
    return isinstance(action, s.AlterPartitions) and not _is_removal(action)
