"""The contract gate of `apply`: barrier, look, look again, then the DDL; on real servers, with the fleet in Redis."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.apps import DROP_NICK, App
from tests.fleets import Fleets, mapping, written
from tests.run.applying import alembic, execute, make_env, schema, wait
from tests.servers import Server
from zdmigrate.assemble import Request
from zdmigrate.config import Settings
from zdmigrate.fleet import Fleet, FleetError, open_fleet
from zdmigrate.plan import Plan, judged_again
from zdmigrate.run.apply import apply
from zdmigrate.run.contract_gate import ContractGate, NotProvedError, gone_after, is_contract, removals_of
from zdmigrate.run.errors import AbortedError, NeedsPersonError
from zdmigrate.run.order import Order, Outcome, Prepared
from zdmigrate.run.policy import Policy
from zdmigrate.run.selection import Asked, unproved
from zdmigrate.run.topology import single_server
from zdmigrate.verdict.witness import CLOCK_SLACK, WINDOW
from zdsession import SessionManager
from zdsession.fleet import Barrier, FleetMember, Gone, State
from zdsession.fleet.registry import Registry
from zdsession.manifest import Manifest
from zdsession.stores.memory import MemoryStore

CONTRACT = "# zdmigrate: phase contract"
DROP_NAME = 'op.drop_column("users", "name")'
OLD = mapping("1.0", users="id name nick?")
NEW = mapping("2.0", users="id name")
NEWEST = mapping("3.0", users="id")


@pytest.fixture
def one_url(mysql_server: Server, mysql_url: str) -> Iterator[str]:
    """The same on MySQL only, for what no flavour has a part in."""
    yield mysql_url
    execute(mysql_url, "DROP DATABASE IF EXISTS zdmigrate")


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    """Its database is at `aaaa1`; what is pending drops `nick`, then `name`."""
    made = App(tmp_path / "app", monkeypatch)
    made.users(DROP_NICK, head=CONTRACT)
    made.revision("cccc3", DROP_NAME, down="bbbb2", head=CONTRACT)
    make_env(made.folder)
    return made


def nothing(prepared: Prepared) -> None:
    """What a test does between the first look and the second."""


@contextmanager
def order(url: str, store: str, **asked: Any) -> Iterator[Order]:
    """An order with the fleet in that store, which may be as young as it is."""
    with open_fleet(store, least_age=0) as fleet:
        request = Request(Settings(config=Path("alembic.ini")), to=asked.pop("to", None))
        yield Order(request, single_server(url), Asked(**asked), Policy(), True, "zdmigrate apply", fleet)


def carried_out(
    url: str, store: str, *, meanwhile: Callable[[Prepared], None] = nothing, at: Any = None, **asked: Any
) -> Outcome:
    """`apply`, with something happening between the first look and the second, or at a point of the run."""

    def confirm(prepared: Prepared) -> bool:
        meanwhile(prepared)
        return True

    with order(url, store, **asked) as ordered:
        done = apply(ordered, confirm, at=at or (lambda point: None))
    assert done is not None
    return done


def barriers(fleet: Fleets) -> dict[str, tuple[Gone, ...]]:
    return {barrier.name: barrier.gone for barrier in fleet.registry.barriers()}


def begun(app: App, url: str) -> None:
    alembic(app.folder, url, "upgrade", "aaaa1")


def test_a_contract_too_early_is_refused_and_passes_when_the_last_old_node_says_goodbye(
    url: str, app: App, fleet: Fleets
) -> None:
    begun(app, url)
    fleet.runs("web1", NEW)
    fleet.runs("web2", OLD)
    before = schema(url)
    command = ("apply", "--url", url, "--yes", "--phase", "contract", "--to", "bbbb2", "--fleet", fleet.url)
    young = app.run(*command)
    assert (young.code, "may not know every node yet" in young.err) == (6, True), young.err
    early = app.run(*command, "--least-age", "0")
    assert early.code == 6
    assert "bbbb2:0" in early.err
    assert "node web2 (version 1.0) maps users.nick as INT NULL" in early.err
    assert (schema(url), barriers(fleet)) == (before, {})
    fleet.ends("web2")
    late = app.run(*command, "--least-age", "0", "--expect-nodes", "1")
    assert late.code == 0, late.err
    assert f"allowed by: fleet {fleet.url} at 20" in late.out
    assert f"2.0 ({NEW.digest[:8]}) on web1" in late.out
    assert barriers(fleet) == {"bbbb2": (Gone("users", "nick"),)}, "an old node must not come back"
    assert "bbbb2" in alembic(app.folder, url, "current")
    assert NEW.digest in execute(url, "SELECT intent FROM zdmigrate.run WHERE state = 'done'")[0][0]
    ((said,),) = execute(url, "SELECT detail FROM zdmigrate.step WHERE name = 'bbbb2'")
    assert said.startswith(f"allowed by fleet {fleet.url}")


def test_without_evidence_a_contract_is_refused_and_a_dry_run_raises_no_barrier(
    one_url: str, app: App, fleet: Fleets
) -> None:
    begun(app, one_url)
    result = app.run("apply", "--url", one_url, "--yes", "--to", "bbbb2")
    assert (result.code, "--fleet STORE_URL" in result.err) == (6, True)
    fleet.runs("web1", NEW)
    dry = app.run("apply", "--url", one_url, "--dry-run", "--to", "bbbb2", "--fleet", fleet.url, "--least-age", "0")
    assert dry.code == 0, dry.err
    assert barriers(fleet) == {}


def test_an_old_node_that_comes_between_the_two_looks_is_seen(one_url: str, app: App, fleet: Fleets) -> None:
    begun(app, one_url)
    fleet.runs("web1", NEWEST)
    before = schema(one_url)
    with pytest.raises(NotProvedError, match=r"node web9 \(version 1.0\) maps users.nick") as refused:
        carried_out(one_url, fleet.url, meanwhile=lambda prepared: fleet.runs("web9", OLD))
    assert refused.value.exit_code == 6
    assert (schema(one_url), barriers(fleet)) == (before, {})
    fleet.ends("web9")
    assert carried_out(one_url, fleet.url).revisions == ("bbbb2", "cccc3"), "the refused run is over"
    assert set(barriers(fleet)) == {"bbbb2", "cccc3"}


def test_who_is_in_the_way_of_a_later_contract_is_found_before_anything_changes(
    one_url: str, app: App, fleet: Fleets
) -> None:
    begun(app, one_url)
    fleet.runs("web1", NEWEST)
    before = schema(one_url)
    with pytest.raises(NotProvedError, match=r"cccc3:0 .*node web2 \(version 2.0\) maps users.name"):
        carried_out(one_url, fleet.url, meanwhile=lambda prepared: fleet.runs("web2", NEW))
    assert (schema(one_url), barriers(fleet)) == (before, {})


def test_each_contract_has_a_look_of_its_own(url: str, app: App, fleet: Fleets) -> None:
    begun(app, url)
    fleet.runs("web1", NEWEST)

    def at(point: str) -> None:
        if point == "version:bbbb2":  # it was there before the barrier, and nobody heard of it
            fleet.runs("web2", NEW)

    with pytest.raises(AbortedError, match="between two revisions; applied are bbbb2") as stopped:
        carried_out(url, fleet.url, at=at)
    assert "node web2 (version 2.0) maps users.name" in str(stopped.value)
    assert set(barriers(fleet)) == {"bbbb2"}, "that of what was done stays, the other is lowered"
    assert "bbbb2" in alembic(app.folder, url, "current")


def test_what_is_accepted_runs_and_still_keeps_old_code_out(one_url: str, app: App, fleet: Fleets) -> None:
    begun(app, one_url)
    fleet.runs("web2", OLD)
    done = carried_out(one_url, fleet.url, to="bbbb2", accept={"bbbb2": "web2 serves nobody"})
    assert done.revisions == ("bbbb2",)
    assert set(barriers(fleet)) == {"bbbb2"}


def test_what_was_accepted_of_a_condition_is_not_accepted_of_code_that_breaks(
    one_url: str, app: App, fleet: Fleets
) -> None:
    """Nobody mapped nick when it was accepted that no two rows have the same; then a node came that maps it."""
    app.users('op.create_unique_constraint("one", "users", ["nick"])', head=CONTRACT)
    begun(app, one_url)
    fleet.runs("web1", NEW)
    before, accept = schema(one_url), {"bbbb2:0": "counted: no duplicates"}
    with pytest.raises(NotProvedError, match=r"node web9 \(version 1.0\) maps users.nick"):
        carried_out(one_url, fleet.url, to="bbbb2", accept=accept, meanwhile=lambda prepared: fleet.runs("web9", OLD))
    assert (schema(one_url), barriers(fleet)) == (before, {})
    fleet.ends("web9")
    assert carried_out(one_url, fleet.url, to="bbbb2", accept=accept).revisions == ("bbbb2",)
    assert [OLD.digest in barrier.refused for barrier in fleet.registry.barriers()] == [True], "it must not come back"


def test_a_waiver_lets_no_contract_run_before_the_deploy(one_url: str, app: App, fleet: Fleets) -> None:
    waiver = "# zdmigrate: allow ZD205 until 2099-01-01 owner=ana because nobody reads it once 2.0 runs"
    app.users(f"{DROP_NICK}  {waiver}", head=CONTRACT)
    begun(app, one_url)
    before = schema(one_url)
    early = app.run("apply", "--url", one_url, "--yes", "--phase", "expand", "--to", "bbbb2")
    assert (early.code, "bbbb2 is contract, not expand" in early.err) == (6, True), early.err
    assert schema(one_url) == before
    late = app.run("apply", "--url", one_url, "--yes", "--phase", "contract", "--to", "bbbb2")
    assert late.code == 0, late.err


def test_a_baseline_lets_nothing_run(one_url: str, app: App, tmp_path: Path) -> None:
    begun(app, one_url)
    written_to = str(tmp_path / "baseline.json")
    assert app.run("check", "--from", "aaaa1", "--write-baseline", written_to).code == 0
    app.settings(f"baseline = {written_to}")
    assert app.run("check", "--from", "aaaa1").code == 0
    refused = app.run("apply", "--url", one_url, "--yes")
    assert (refused.code, "bbbb2:0" in refused.err) == (6, True), refused.err


def test_a_run_killed_inside_a_contract_asks_the_fleet_again(
    url: str, app: App, fleet: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.users(DROP_NICK, DROP_NAME, head=CONTRACT)
    app.revision("cccc3", down="bbbb2")
    begun(app, url)
    fleet.runs("web1", NEWEST)
    died = False

    def at(point: str) -> None:
        nonlocal died
        if point == "done:bbbb2:0" and not died:
            died = True
            raise ConnectionError("as if killed")  # nobody handles it, so nothing is lowered or written

    with pytest.raises(ConnectionError):
        carried_out(url, fleet.url, at=at)
    assert set(barriers(fleet)) == {"bbbb2"}
    assert "nick" not in schema(url)["users"]
    fleet.runs("web9", OLD, State.STARTING)
    with pytest.raises(NeedsPersonError, match=r"(?s)^bbbb2:0.*1 of 2 statements are done") as stopped:
        carried_out(url, fleet.url)
    assert "node web9 (version 1.0) maps users.nick" in stopped.value.problem
    assert set(barriers(fleet)) == {"bbbb2"}, "half of it is done"
    without = app.run("apply", "--url", url, "--yes")
    assert (without.code, "give --fleet STORE_URL" in without.err) == (2, True), without.err
    fleet.ends("web9")
    assert carried_out(url, fleet.url).revisions == ("bbbb2", "cccc3")
    assert "name" not in schema(url)["users"]


def test_a_store_that_does_not_answer_allows_nothing(one_url: str, app: App, fleet: Fleets) -> None:
    begun(app, one_url)
    fleet.runs("web1", NEWEST)
    before = schema(one_url)

    def out(*arguments: object) -> None:
        raise FleetError("the fleet cannot be asked")

    def lose(prepared: Prepared) -> None:
        assert prepared.order.fleet is not None
        prepared.order.fleet.read = out  # type: ignore[method-assign,assignment]

    with pytest.raises(NotProvedError, match="the fleet cannot be asked"):
        carried_out(one_url, fleet.url, meanwhile=lose)
    assert (schema(one_url), barriers(fleet)) == (before, {})


def test_a_fleet_that_cannot_be_asked_refuses_the_run(one_url: str, app: App, tmp_path: Path) -> None:
    begun(app, one_url)
    nowhere = f"sqlite:///{tmp_path}/no/such/folder/sessions.db"
    unread = app.run("apply", "--url", one_url, "--yes", "--fleet", nowhere)
    assert (unread.code, "nothing is known of what is deployed" in unread.err) == (6, True), unread.err


def test_a_run_that_stops_before_its_first_statement_takes_the_barriers_down(
    one_url: str, app: App, fleet: Fleets
) -> None:
    begun(app, one_url)
    fleet.runs("web1", NEWEST)
    before = schema(one_url)
    up = {}

    def at(point: str) -> None:
        if point == "begun:bbbb2:0":
            up.update(barriers(fleet))
            raise KeyboardInterrupt

    with pytest.raises(AbortedError, match="interrupted; nothing was changed"):
        carried_out(one_url, fleet.url, at=at)
    assert set(up) == {"bbbb2", "cccc3"}
    assert (schema(one_url), barriers(fleet)) == (before, {})


def test_what_is_made_anew_no_longer_keeps_anybody_out(one_url: str, app: App, fleet: Fleets) -> None:
    begun(app, one_url)
    fleet.runs("web1", NEWEST)
    carried_out(one_url, fleet.url)
    app.revision("dddd4", 'op.add_column("users", sa.Column("nick", sa.String(50)))', down="cccc3")
    assert carried_out(one_url, fleet.url).revisions == ("dddd4",)
    assert set(barriers(fleet)) == {"cccc3"}


_NODE = """
import sys, time
from pathlib import Path
from zdsession import SessionManager
from zdsession.fleet import FleetMember
from zdsession.manifest import Manifest
store, node, manifest = sys.argv[1:]
mapped = Manifest.read(Path(manifest))
member = FleetMember(SessionManager(store), version=mapped.version, manifest=mapped, node=node, heartbeat=0.1)
while True:
    print(member.why_unready(), flush=True)
    time.sleep(0.1)
"""


class RealNode:
    """A process that is a node, and says on its standard output what keeps it from being ready."""

    def __init__(self, folder: Path, store: str, node: str, manifest: Manifest) -> None:
        path = written(folder / f"{node}.json", manifest)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _NODE, store, node, path], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip

    def says(self, wanted: str, times: int = 1) -> None:
        """Wait until it has said so, so many times in a row."""
        assert self._process.stdout is not None
        found = 0
        for line in self._process.stdout:
            found = found + 1 if wanted in line else 0
            if found == times:
                return
        raise AssertionError(f"it ended, and did not say {wanted!r}")

    def kill(self) -> None:
        """kill -9. Twice is once."""
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()


def test_a_killed_node_blocks_until_it_is_forgotten_and_an_old_one_that_starts_later_stays_unready(
    mysql_url: str, app: App, fleet: Fleets, tmp_path: Path
) -> None:
    begun(app, mysql_url)
    command = ("apply", "--url", mysql_url, "--yes", "--to", "bbbb2", "--fleet", fleet.url, "--least-age", "0")
    nodes = [RealNode(tmp_path, fleet.url, "web1", NEW), RealNode(tmp_path, fleet.url, "web2", OLD)]
    try:
        for node in nodes:
            node.says("[]")
        nodes[1].kill()
        early = app.run(*command)
        assert (early.code, "node web2 (version 1.0) maps users.nick" in early.err) == (6, True), early.err
        wait(lambda: "if it has ended: zdsession forget web2" in app.run(*command).err, "lost node")
        silent = app.run(*command)
        assert (silent.code, barriers(fleet)) == (6, {})
        fleet.registry.forget("web2")
        assert app.run(*command).code == 0
        nodes.append(RealNode(tmp_path, fleet.url, "web3", OLD))
        nodes[2].says("version 1.0 maps users.nick, which bbbb2 removes", times=3)
        nodes.append(RealNode(tmp_path, fleet.url, "web4", NEW))
        nodes[3].says("[]")
    finally:
        for node in nodes:
            node.kill()
        execute(mysql_url, "DROP DATABASE IF EXISTS zdmigrate")


# pure decisions

_COLUMNS = ("a", "b", "c", "d")


def contract(app: App, dropped: list[str]) -> Plan:
    """A plan whose one pending revision drops these columns of `t`."""
    columns = "".join(f', sa.Column("{name}", sa.Integer)' for name in _COLUMNS)
    app.revision("aaaa1", f'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True){columns})')
    app.revision("bbbb2", *(f'op.drop_column("t", "{name}")' for name in dropped), down="aaaa1", head=CONTRACT)
    return app.made()


_mapped = st.sets(st.sampled_from(_COLUMNS))
_states = st.sampled_from([State.READY, State.READY, State.DRAINING, State.STARTING, State.LOST])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_mapped, _states), max_size=4), st.integers(0, 3), st.booleans())
def test_a_contract_passes_if_and_only_if_all_is_known_and_no_live_node_maps_what_it_removes(
    plans: list[Plan], nodes: list[tuple[set[str], State]], which: int, asked_for_more: bool
) -> None:
    plan, dropped = plans[which], set(_COLUMNS[: which + 1])
    store = MemoryStore()
    fleets = Fleets.__new__(Fleets)
    fleets.store, fleets.registry = store, Registry(store)
    for number, (mapped, state) in enumerate(nodes):
        old = state is State.LOST
        manifest = mapping(str(number), t=" ".join(("id", *sorted(f"{name}?" for name in mapped))))
        fleets.runs(f"n{number}", manifest, State.READY if old else state, **({"beat": 0} if old else {}))
    asks = Fleet(fleets.registry, "memory://", expect_nodes=len(nodes) + asked_for_more or 1, least_age=0)
    proof = asks.read()
    judged = judged_again(plan, proof)
    known = bool(nodes) and not asked_for_more and all(s in (State.READY, State.DRAINING) for _, s in nodes)
    assert proof.is_complete == known
    reasons = unproved(judged, judged.revisions, Asked())
    assert (reasons == []) == (known and not any(mapped & dropped for mapped, _ in nodes))
    for change in judged.revisions[0].changes:
        blamed = {item.code.node for item in change.blamed}
        if change.verdict.value != "safe":
            assert blamed == {f"n{number}" for number, (m, _) in enumerate(nodes) if change.subject.column in m}
        else:
            assert blamed == set()


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Plan]]:
    """Contracts that drop one column, two, three, and all four."""
    with pytest.MonkeyPatch.context() as patch:
        made = []
        for count in range(1, len(_COLUMNS) + 1):
            made.append(contract(App(tmp_path_factory.mktemp("app"), patch), list(_COLUMNS[:count])))
        yield made


def test_what_a_revision_takes_away(app: App) -> None:
    app.users(
        'op.rename_table("users", "people")',
        'op.create_table("passing", sa.Column("id", sa.Integer))',
        'op.drop_table("passing")',
        head=CONTRACT,
    )
    app.revision("cccc3", down="bbbb2")
    (renamed, idle) = app.made().revisions
    assert gone_after(renamed) == (Gone("users"),)
    assert (is_contract(renamed), is_contract(idle)) == (True, False)


def test_the_servers_are_asked_what_they_ran_since_the_last_old_code_left(app: App) -> None:
    plan = app.made()
    now = 1_800_000_000_000
    store = MemoryStore()
    registry = Registry(store, clock=lambda: now)
    fleets = Fleets.__new__(Fleets)
    fleets.store, fleets.registry = store, registry
    asks = Fleet(registry, "memory://", least_age=0, clock=lambda: now)

    def since(window: float | None = None, *, fleet: Fleet | None = asks) -> list[float]:
        proof = None if fleet is None else fleet.read()
        return [item.since for item in removals_of(plan.revisions, fleet, proof, window)]

    fleets.runs("web1", NEWEST)
    assert since() == [WINDOW, WINDOW], "nobody knows when old code left, if ever"
    assert since(30, fleet=None) == [30, 30]
    fleets.runs("web2", NEW)
    fleets.runs("web3", OLD)
    fleets.ends("web3")
    now += 100_000
    assert since() == [100 - CLOCK_SLACK, WINDOW], "what maps users.name runs, and was accepted"
    fleets.ends("web2")
    fleets.ends("web1")
    now += 1_000_000
    assert since() == [1100 - CLOCK_SLACK, 1000 - CLOCK_SLACK]
    assert since(30) == [30, 30]
    fleets.runs("odd", None)
    fleets.ends("odd")
    now += 1_000
    assert since() == [0, 0], "without a manifest it may have mapped anything"
    assert [item.gone for item in removals_of(plan.revisions, None, None, None)] == [
        (Gone("users", "nick"),), (Gone("users", "name"),),
    ]  # fmt: skip


TIGHTEN = 'op.alter_column("users", "nick", existing_type=sa.String(50), nullable=False)'


@pytest.mark.parametrize("accepted", [False, True])
def test_a_barrier_keeps_out_what_breaks_without_losing_a_name(app: App, accepted: bool) -> None:
    app.users(TIGHTEN, head=CONTRACT)
    (app.versions / "cccc3_change.py").unlink()
    plan = app.made()
    sessions = SessionManager(MemoryStore())
    registry = Registry(sessions.store)
    strict = mapping("2.0", users="id name nick")
    fleets = Fleets.__new__(Fleets)
    fleets.store, fleets.registry = sessions.store, registry
    fleets.runs("old", OLD)
    fleets.ends("old")
    fleets.runs("web1", strict)
    asked = Asked(accept={"bbbb2": "reviewed"} if accepted else {})
    gate = ContractGate(Fleet(registry, "memory://", least_age=0), plan, asked, plan.revisions, lambda timing: None)
    gate.admit(plan.revisions[0])
    assert [item.refused for item in registry.barriers()] == ([] if accepted else [(OLD.digest,)])
    member = FleetMember(sessions, version="1.0", manifest=OLD, node="late", heartbeat=0.02)
    said = "version 1.0 was judged to break by what bbbb2 changes"
    assert member.why_unready(30) == ([] if accepted else [said])
    member.close()


def test_a_barrier_that_cannot_be_lowered_is_left_to_a_person(app: App) -> None:
    store = MemoryStore()
    fleets = Fleets.__new__(Fleets)
    fleets.store, fleets.registry = store, Registry(store)
    fleets.runs("web1", OLD)
    asks = Fleet(fleets.registry, "memory://", least_age=0)
    plan = app.made()
    gate = ContractGate(asks, plan, Asked(), plan.revisions, lambda timing: None)
    with pytest.raises(NotProvedError):
        gate.admit(plan.revisions[0])
    assert {item.name for item in asks.barriers()} == {"bbbb2", "cccc3"}

    def out(name: str) -> None:
        raise FleetError("out")

    lift, asks.lift_barrier = asks.lift_barrier, out  # type: ignore[method-assign]
    assert gate.lower(["bbbb2"]) == [
        "the barrier cccc3 may still keep old nodes out; take it down: zdsession barriers --lift cccc3"
    ]
    asks.lift_barrier = lift  # type: ignore[method-assign]
    assert gate.lower(["bbbb2"]) == []
    untouched = ContractGate(asks, plan, Asked(), plan.revisions, lambda timing: None)
    assert untouched.lower(()) == [], "nobody put one up"
    assert {item.name for item in asks.barriers()} == {"bbbb2"}


def test_a_barrier_of_several_things_loses_only_what_is_there_again(app: App) -> None:
    registry = Registry(MemoryStore())
    registry.raise_barrier(Barrier("old", (Gone("Users", "NICK"), Gone("users", "other")), 0))
    app.revision("aaaa1", 'op.create_table("users", sa.Column("id", sa.Integer), sa.Column("nick", sa.Integer))')
    for name in ("bbbb2", "cccc3"):
        (app.versions / f"{name}_change.py").unlink()
    plan = app.made(None)
    gate = ContractGate(Fleet(registry, "memory://"), plan, Asked(), (), lambda timing: None)
    registry.raise_barrier(Barrier("tight", (), 0, ("0123",)))
    registry.raise_barrier(Barrier("both", (Gone("users", "nick"),), 0, ("0123",)))
    assert gate.opened(plan.revisions[0]) == []
    found = {item.name: (item.gone, item.refused) for item in registry.barriers()}
    assert found == {"old": ((Gone("users", "other"),), ()), "tight": ((), ("0123",)), "both": ((), ("0123",))}
    gate.opened(plan.revisions[0])
    assert len(registry.barriers()) == 3
