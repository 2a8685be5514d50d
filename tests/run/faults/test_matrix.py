"""Every stage of a switchover times every fault, under writers; afterwards the promises of `cells.py` hold.

A few cells run always, all of them by `make soak` or `python -m scripts.fault_matrix`, which keeps the results.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeLink
from tests.run.conftest import topology_file, topology_of
from tests.run.faults.cells import FAULTS, POLICY, once, outcome, stricken
from tests.run.test_switchover import killed_at
from tests.servers.replication import Replication
from zdmigrate.run import runs

BEFORE = ("identity", "blockers", "catch-up", "watchdog", "fence", "hold", "arm", "freeze", "final-wait", "promote")
AFTER = ("flip", "disarm", "unfence", "fence-old", "repoint-old", "replicates", "configuration")
#: Chosen for being quick and unlike each other.
ALWAYS = {
    ("catch-up", "cut primary-replica"), ("arm", "second run"), ("freeze", "kill tool"), ("freeze", "kill replica"),
    ("final-wait", "kill primary"), ("promote", "cut tool-replica"),
}  # fmt: skip


def cells() -> Iterator[object]:
    for stage in BEFORE + AFTER:
        for fault in FAULTS:
            always = (stage, fault) in ALWAYS
            yield pytest.param(stage, fault, id=f"{stage}-{fault}", marks=() if always else pytest.mark.soak)


@pytest.mark.parametrize(("stage", "fault"), list(cells()))
def test_cell(
    any_replication: Replication,
    make_link: MakeLink,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
    stage: str,
    fault: str,
) -> None:
    pair = any_replication
    monkeypatch.setattr("zdmigrate.run.switchover.UNDO_SECONDS", 4.0)  # a cut wire is mended only afterwards
    monkeypatch.setattr("zdmigrate.run.switchover.DOUBT_SECONDS", 2.0)
    with stricken(pair, make_link, topology_of(pair, str(tmp_path / "topology.toml"))) as cell:
        if fault == "kill tool":
            tool = killed_at(topology_file(pair, tmp_path, monkeypatch), stage)
            assert tool.wait(60) == -signal.SIGKILL
            ended, said = "killed", ""
        else:
            strike = once(stage, lambda: cell.strike(fault, lambda: runs.switch(cell.topology, "b", POLICY)))
            ended, said = outcome(lambda: runs.switch(cell.topology, "b", POLICY, before=strike))
        cell.mend()
        cell.app_writes_or_was_told(said)
        resumed = cell.resume_to_the_end()
        cell.ledger.wait_for(6)
        serving = cell.check()
    record_property("ended", ended)
    record_property("resume", resumed)
    record_property("serves", serving)
