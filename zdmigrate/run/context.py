"""What every way of carrying out a plan is given: who the servers are, the lock, the journal, what was decided."""

from __future__ import annotations

from dataclasses import dataclass

from zdmigrate.run.journal import Journal
from zdmigrate.run.lock import RunLock
from zdmigrate.run.policy import Policy
from zdmigrate.run.servers import Servers
from zdmigrate.run.steps import Listener
from zdmigrate.run.topology import Topology


@dataclass(slots=True)
class RunContext:
    """One run.

    Attributes:
        servers: our connections; none of them has a default database, so statements of a plan, whose tables are not
            qualified, go over connections opened with `database`.
        journal: rows on the serving primary; give it another connection when the primary moves.
        listener: told of every step when it ended.
        database: the app's database, the same name on every node.
    """

    topology: Topology
    servers: Servers
    lock: RunLock
    journal: Journal
    policy: Policy
    listener: Listener
    database: str
