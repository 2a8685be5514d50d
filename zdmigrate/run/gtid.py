"""GTID positions of MariaDB. MySQL compares its sets itself (GTID_SUBTRACT)."""

from __future__ import annotations

from collections.abc import Mapping

from zdmigrate.errors import ZdmigrateError


def domains(position: str) -> Mapping[int, tuple[int, int]]:
    """`0-1-100,5-2-7` as {domain: (server id, sequence number)}.

    Raises:
        ZdmigrateError: when the text is no position.
    """
    found: dict[int, tuple[int, int]] = {}
    for part in filter(None, position.replace(" ", "").split(",")):
        try:
            domain, server, sequence = (int(number) for number in part.split("-"))
        except ValueError as error:
            raise ZdmigrateError(f"{position!r} is not a MariaDB GTID position") from error
        found[domain] = (server, sequence)
    return found
