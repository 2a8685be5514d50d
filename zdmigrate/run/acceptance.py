"""What a person may accept by `--accept NAME`: a name that means nothing must not be taken for a decision."""

from __future__ import annotations

from collections.abc import Collection

from zdmigrate.errors import UsageError
from zdmigrate.run.disk import DISK_SPACE
from zdmigrate.run.grants import GRANTS
from zdmigrate.run.preflight import COMPARED, PRIVILEGED
from zdmigrate.run.replica_guards import BINLOG_READERS, NO_STANDBY
from zdmigrate.verdict.witness import WITNESS

#: Guards by their names, and variables that may differ between the two servers.
NAMES = (BINLOG_READERS, DISK_SPACE, GRANTS, NO_STANDBY, PRIVILEGED, WITNESS, *COMPARED)


def check_accepted(accept: Collection[str], ids: Collection[str] = (), *, of_changes: bool = False) -> None:
    """Every name is known.

    Args:
        ids: changes and revisions that may be accepted, too.
        of_changes: whether any change (`revision:index`) may be: the plan that has them is not at hand.

    Raises:
        UsageError: names what is not known, and what is.
    """
    unknown = [name for name in sorted(accept) if name not in NAMES and name not in ids]
    if of_changes:
        unknown = [name for name in unknown if ":" not in name]
    if unknown:
        changes = f"; of this plan: {', '.join(sorted(ids))}" if ids else ""
        raise UsageError(
            f"--accept {', '.join(unknown)}: nothing is called that. Known are {', '.join(sorted(NAMES))}{changes}"
        )
