"""The mirrored store beside a model, on nodes whose stores, links and clocks fail, one thing at a time.

What was acknowledged is seen by every node at once, whatever is broken then, and is there when everything works again.
What was not acknowledged may have happened or not. Nothing else is ever seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.zdsession.conformance import A, B
from tests.zdsession.stores.mirrored_world import CrashError, World
from zdsession.errors import StoreUnavailableError
from zdsession.record import Binding, Change, Outcome, Record, Rotation
from zdsession.stores.mirrored_sides import BACK, BOTH, FRONT

NODES = st.integers(0, 2)
IDS = st.sampled_from([A, B])
KEYS = st.sampled_from(["k", "l"])
DAY = 86_400_000


@dataclass
class Known:
    """What may be true of one session: several things where a request did not end."""

    live: set[bool] = field(default_factory=lambda: {False})
    values: dict[str, set[bytes | None]] = field(default_factory=dict)
    secrets: set[bytes] = field(default_factory=set)
    users: set[str | None] = field(default_factory=set)


class MirroredMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.model = {A: Known(), B: Known()}
        self.held: dict[tuple[int, str], Record] = {}
        self.snapshot: dict[str, Record] | None = None
        self.fault: str | None = None
        self.turn = 0
        self.used: set[str] = set()

    # what nodes do

    @rule(node=NODES, sid=IDS)
    def create(self, node: int, sid: str) -> None:
        known = self.model[sid]
        if sid in self.used:
            return  # ids are random: nobody makes one twice
        self.used.add(sid)
        now, secret, value = self.world.now(), self._secret(), self._value()
        record = Record(secret, now, now, now, now + DAY, now + DAY, user="ann", values={"k": value})
        acked, made = self._try(lambda: self.world.nodes[node].create(sid, record))
        assert made or not acked
        known.values, known.secrets, known.users = {"k": {value}}, {secret}, {"ann"}
        known.live = {True} if acked else {True, False}

    @rule(node=NODES, sid=IDS)
    def hold(self, node: int, sid: str) -> None:
        """A request loads; it may save much later."""
        record = self._read(node, sid)
        if record is not None:
            self.held[node, sid] = record

    @rule(node=NODES, sid=IDS, put=st.sets(KEYS), drop=st.sets(KEYS), fresh=st.booleans())
    def save(self, node: int, sid: str, put: set[str], drop: set[str], fresh: bool) -> None:
        base = self._base(node, sid, fresh)
        if base is None:
            return
        values: dict[str, bytes | None] = {key: self._value() for key in put} | dict.fromkeys(drop - put)
        self._save(node, sid, base, values)

    @rule(node=NODES, sid=IDS, insist=st.booleans(), user=st.sampled_from([None, "ann", "bob"]), fresh=st.booleans())
    def rotate(self, node: int, sid: str, insist: bool, user: str | None, fresh: bool) -> None:
        base = self._base(node, sid, fresh)
        if base is None:
            return
        now = self.world.now()
        rotation = Rotation(self._secret(), now, now + 30_000, expected=None if insist else base.secret)
        self._save(node, sid, base, {"l": self._value()}, rotation, Binding(user) if insist else None)

    @rule(node=NODES, sid=IDS)
    def touch(self, node: int, sid: str) -> None:
        now = self.world.now()
        self._try(lambda: self.world.nodes[node].touch(sid, now, now + DAY))

    @rule(node=NODES, sid=IDS)
    def destroy(self, node: int, sid: str) -> None:
        known = self.model[sid]
        acked, ended = self._try(lambda: self.world.nodes[node].destroy(sid))
        if acked:
            assert ended in known.live
        known.live = {False} if acked else known.live | {False}

    @rule(node=NODES, user=st.sampled_from(["ann", "bob"]))
    def revoke(self, node: int, user: str) -> None:
        acked, _ = self._try(lambda: self.world.nodes[node].revoke_user(user))
        for known in self.model.values():
            if user in known.users:
                sure = acked and known.users == {user}
                known.live = {False} if sure else known.live | {False}

    @rule(node=NODES)
    def rejoin(self, node: int) -> None:
        self._try(self.world.nodes[node].rejoin)

    @rule(seconds=st.sampled_from([0.01, 0.2, 0.5, 5.0]))
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    # what happens to them, one thing at a time

    @precondition(lambda self: self.fault is None and self.world.crash_in is None)
    @rule(side=st.sampled_from(BOTH), how=st.sampled_from(["down", "deaf", "slow"]), node=st.none() | NODES)
    def breaks(self, side: str, how: str, node: int | None) -> None:
        """A store goes out, or hangs, or one node's link to it does."""
        links = self.world.links(side) if node is None else {(node, side)}
        setattr(self.world, how, links)
        self.fault = f"{side} {how} for {'all' if node is None else node}"

    @precondition(lambda self: self.fault is None and self.world.crash_in is None)
    @rule()
    def remember(self) -> None:
        self.snapshot = dict(self.world.stores[FRONT]._records)

    @precondition(lambda self: self.fault is None and self.world.crash_in is None)
    @rule(side=st.sampled_from(BOTH), wiped=st.booleans())
    def restarts_with_a_loss(self, side: str, wiped: bool) -> None:
        """At once, so that no node saw it away; nodes notice within a lease."""
        self.world.lose(None if wiped or side == BACK else self.snapshot, side)
        self.world.advance(1)
        self.fault = f"{side} lost data"

    @precondition(lambda self: self.fault is None and self.world.crash_in is None)
    @rule(calls=st.integers(0, 6))
    def a_node_will_die(self, calls: int) -> None:
        self.world.crash_in = calls

    @precondition(lambda self: self.fault is not None)
    @rule(node=NODES)
    def heals(self, node: int) -> None:
        self.world.heal()
        self.world.advance(5)
        self.world.bring_in_sync()
        self.world.advance(5)
        self.fault = None

    # what must be true

    @invariant()
    def every_node_sees_what_was_acknowledged(self) -> None:
        if self.world.crash_in is not None:
            return
        for node in range(3):
            for sid, known in self.model.items():
                record = self._read(node, sid)
                if record is None:
                    assert False in known.live, f"node {node} lost {sid[:2]} ({self.fault})"
                    continue
                assert True in known.live, f"node {node} sees an ended session {sid[:2]} ({self.fault})"
                assert record.secret in known.secrets, f"node {node}, {self.fault}"
                assert record.user in known.users, f"node {node}, {self.fault}"
                for key in ("k", "l"):
                    allowed = known.values.get(key, {None})
                    assert record.values.get(key) in allowed, f"node {node}, {key}, {self.fault}"

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.heal()
            self.world.advance(5)
            self.world.bring_in_sync()
            self.every_node_sees_what_was_acknowledged()
            front, back = (self.world.stores[side]._records for side in BOTH)
            for sid, known in self.model.items():
                if len(known.live) == len(known.secrets) == 1:  # nothing was left undecided by a node that died
                    assert (sid in front) == (sid in back)
                    assert sid not in front or front[sid].secret == back[sid].secret

    # how

    def _save(
        self,
        node: int,
        sid: str,
        base: Record,
        values: dict[str, bytes | None],
        rotation: Rotation | None = None,
        binding: Binding | None = None,
    ) -> None:
        known, now = self.model[sid], self.world.now()
        put = {key: value for key, value in values.items() if value is not None}
        drop = frozenset(key for key, value in values.items() if value is None)
        change = Change(now, now + DAY, put, drop, rotation=rotation, binding=binding)
        acked, saved = self._try(lambda: self.world.nodes[node].save(sid, base, change))
        if not acked:
            for key, value in values.items():
                known.values[key] = known.values.get(key, {None}) | {value}
            if rotation is not None:
                known.secrets = known.secrets | {rotation.secret}
            if binding is not None:
                known.users = known.users | {binding.user}
            return
        if saved.outcome is Outcome.GONE:
            assert False in known.live
            known.live = {False}
            return
        assert True in known.live, "a late save counted"
        known.live = {True}
        for key, value in values.items():
            known.values[key] = {value}
        if rotation is not None and saved.outcome is Outcome.SAVED:
            known.secrets = {rotation.secret}
        elif rotation is not None:
            assert known.secrets - {rotation.expected}, "yielded to nobody"
        if binding is not None:
            known.users = {binding.user}
        self.held[node, sid] = saved.record

    def _base(self, node: int, sid: str, fresh: bool) -> Record | None:
        if fresh or (node, sid) not in self.held:
            self.hold(node, sid)
        return self.held.get((node, sid))

    def _read(self, node: int, sid: str) -> Record | None:
        """A read always gets its answer: one fault leaves one store."""
        before = self.world.crash_in
        self.world.crash_in = None
        try:
            return self.world.nodes[node].load(sid)
        finally:
            self.world.crash_in = before

    def _try(self, work: Callable[[], Any]) -> tuple[bool, Any]:
        """Whether it was acknowledged, and the answer."""
        try:
            return True, work()
        except CrashError:
            return False, None
        except StoreUnavailableError:
            assert self.fault is not None, "refused although nothing is broken"
            return False, None
        finally:
            self.world.crash_in = None

    def _value(self) -> bytes:
        self.turn += 1
        return str(self.turn).encode()

    def _secret(self) -> bytes:
        self.turn += 1
        return self.turn.to_bytes(32, "big")


MirroredMachine.TestCase.settings = settings(stateful_step_count=40)
TestModel = MirroredMachine.TestCase
