"""Clients that wait at the door are let in before a node that is away is asked anything.

Found by the fault matrix (`disarm`, wire from the tool to the primary cut): they waited for 23 s.
"""

import time
from pathlib import Path

from tests.conftest import MakeLink
from tests.run.conftest import topology_of
from tests.run.faults.cells import POLICY, through
from tests.servers.replication import Replication
from zdmigrate.run import runs
from zdmigrate.run.steps import Timing


def test_a_primary_that_is_lost_after_the_promotion_keeps_nobody_waiting(
    mysql_replication: Replication, make_link: MakeLink, tmp_path: Path
) -> None:
    pair = mysql_replication
    links = [make_link(node.server.port) for node in pair.nodes]
    topology = through(topology_of(pair, str(tmp_path / "topology.toml")), links)
    cut_at, waited = 0.0, 0.0

    def before(step: str) -> None:
        nonlocal cut_at
        if step == "flip":
            links[0].cut()
            cut_at = time.monotonic()
        if step == "disarm":
            links[0].heal()  # what comes now has to wait for the node

    def told(timing: Timing) -> None:
        nonlocal waited
        if timing.name == "release":
            waited = time.monotonic() - cut_at

    assert runs.switch(topology, "b", POLICY, before=before, listener=told).new == "b"
    assert 0 < waited < 6, "an answer that does not come takes ten seconds"
