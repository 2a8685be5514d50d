"""The last look before a contract: what runs now, barriers first, so that no old node can slip in between.

The order is what makes it hold: a barrier goes up, then the fleet is read. A node that did not see the barrier when it
became ready is in the list by then and is judged; one that comes later sees it and stays unready (`zdsession.fleet`).
Then the servers are asked what they ran since the last old code left: not everybody who uses a column is a node.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from zdmigrate.fleet import Fleet, FleetError
from zdmigrate.history.catalog import Catalog
from zdmigrate.plan import Plan, PlannedChange, PlannedRevision, judged_again
from zdmigrate.run.errors import RefusedError
from zdmigrate.run.selection import Asked, unproved
from zdmigrate.run.steps import Listener, Timing
from zdmigrate.run.witness import SecondWitness
from zdmigrate.verdict.fleet_proof import FleetProof, LiveCode
from zdmigrate.verdict.model import Phase, Verdict
from zdmigrate.verdict.witness import CLOCK_SLACK, WINDOW, WITNESS, Evidence, Removal
from zdsession.fleet.model import Barrier, Gone
from zdsession.manifest import Manifest


class NotProvedError(RefusedError):
    """What runs now does not allow a contract; nothing of it was done."""


class ContractGate:
    """Lets the contracts of one run through, each after a look of its own.

    Args:
        fleet: who is asked what runs; None where nobody is: what was given beside a fleet was judged before.
        plan, asked: what was admitted when the run began, and on which terms.
        revisions: those of the run, in order.
        resumed: whether another process began the run, and may have put barriers up.
        witness: asks the servers what they ran; None where nobody asks them.
        window: see :func:`removals_of`.
    """

    def __init__(
        self,
        fleet: Fleet | None,
        plan: Plan,
        asked: Asked,
        revisions: Sequence[PlannedRevision],
        listener: Listener,
        *,
        resumed: bool = False,
        witness: SecondWitness | None = None,
        window: float | None = None,
    ) -> None:
        self._fleet = fleet
        self._plan = plan
        self._asked = asked
        self._witness = witness
        self._window = window
        asks = fleet is not None or witness is not None
        self._waiting = [item for item in revisions if is_contract(item)] if asks else []
        self._listener = listener
        self._names = {item.revision for item in self._waiting}
        self._may_be_up = resumed
        #: What the fleet said last; None while no contract was let through.
        self.proof: FleetProof | None = None
        #: What the servers' memory left open, for people.
        self.notes: tuple[str, ...] = ()

    def admit(self, revision: PlannedRevision) -> None:
        """Look once more before the first statement of a contract. Nothing for another revision, or a second time.

        The barriers of all contracts that are to come go up before the first: whoever would be in the way of a later
        one is found before anything changed.

        Raises:
            NotProvedError: somebody is in the way, or it cannot be known; the barriers are up (:meth:`lower`).
        """
        if all(item.revision != revision.revision for item in self._waiting):
            return
        began = time.monotonic()
        try:
            proof = self._ask_fleet()
            said = self._ask_servers(revision, proof)
        except FleetError as error:
            raise NotProvedError([str(error)]) from error
        self._waiting = [item for item in self._waiting if item.revision != revision.revision]
        if proof is not None:
            self.proof = proof
            said = [f"allowed by {proof.quote()}", *said]
        if said:
            self._listener(Timing(revision.revision, "done", 0.0, time.monotonic() - began, "; ".join(said)))

    def _ask_fleet(self) -> FleetProof | None:
        """What runs now, which allows every contract that is to come; None without a fleet."""
        if self._fleet is None:
            return None
        self._raise_barriers(self._fleet)
        proof = self._fleet.read()
        plan = judged_again(self._plan, proof)
        waiting = {item.revision for item in self._waiting}
        asked = self._asked.since(self._plan, plan)
        reasons = unproved(plan, [item for item in plan.revisions if item.revision in waiting], asked)
        if reasons:
            raise NotProvedError(reasons)
        return proof

    def _ask_servers(self, revision: PlannedRevision, proof: FleetProof | None) -> list[str]:
        """What they ran of late is in the way of no contract that is to come; what to say of it."""
        if self._witness is None:
            return []
        removals = removals_of(self._waiting, self._fleet, proof, self._window)
        all_evidence = self._witness.look(removals)
        reasons, notes = weighed(all_evidence, self._asked)
        if reasons:
            raise NotProvedError(reasons)
        self.notes = tuple(dict.fromkeys((*self.notes, *notes)))
        quotes = [item.quote() for item in all_evidence if item.revision == revision.revision]
        return [quote for quote in quotes if quote]

    def _raise_barriers(self, fleet: Fleet) -> None:
        """What runs was allowed a moment ago, so a barrier is never against it: only against what does not run."""
        self._may_be_up = True
        known = fleet.known()
        for item in self._waiting:
            gone, refused = gone_after(item), broken_by(item, self._plan, self._asked, known)
            if gone or refused:
                fleet.raise_barrier(item.revision, gone, refused)

    def lower(self, begun: Collection[str]) -> list[str]:
        """Take the barriers down of every contract but those that began, for a run that ends here.

        Returns:
            What a person has to do where that failed.
        """
        left = []
        if self._fleet is None or not self._may_be_up:
            return []
        for name in sorted(self._names - set(begun)):
            try:
                self._fleet.lift_barrier(name)
            except FleetError:
                left.append(
                    f"the barrier {name} may still keep old nodes out; take it down: zdsession barriers --lift {name}"
                )
        return left

    def opened(self, revision: PlannedRevision) -> list[str]:
        """Take out of all barriers what a revision, which is done, made anew.

        Returns:
            What a person has to do where that failed.
        """
        names = _names(revision.recorded.after) - _names(revision.recorded.before)
        if self._fleet is None or not names:
            return []
        try:
            for barrier in self._fleet.barriers():
                kept = tuple(one for one in barrier.gone if _name(one) not in names)
                if kept == barrier.gone:
                    continue
                if kept or barrier.refused:
                    self._fleet.raise_barrier(barrier.name, kept, barrier.refused)
                else:
                    self._fleet.lift_barrier(barrier.name)
        except FleetError as error:
            return [f"barriers may name what is there again ({error}); look: zdsession barriers"]
        return []


def removals_of(
    revisions: Iterable[PlannedRevision], fleet: Fleet | None, proof: FleetProof | None, window: float | None
) -> list[Removal]:
    """What each contract removes, and how far back a statement that names it speaks against that.

    Args:
        window: seconds at most; None for since the last old code left, or else for :data:`WINDOW`.

    Raises:
        FleetError: the store does not answer.
    """
    found = []
    for revision in revisions:
        gone = gone_after(revision) if is_contract(revision) else ()
        if gone:
            left = None if fleet is None or proof is None or _runs(proof, gone) else fleet.left(gone)
            since = WINDOW if window is None else window
            if left is not None:
                known = max(0.0, left - CLOCK_SLACK)
                since = known if window is None else min(known, window)
            found.append(Removal(revision.revision, gone, revision.recorded.before, since))
    return found


def weighed(all_evidence: Iterable[Evidence], asked: Asked) -> tuple[list[str], list[str]]:
    """Why contracts may not run by what the servers ran, and what a person should know of that."""
    reasons: list[str] = []
    notes: list[str] = []
    accepted = WITNESS in asked.accept
    for evidence in all_evidence:
        notes += evidence.notes
        if accepted:
            notes += [f"accepted: {evidence.revision} removes {item.gone}, and {item}" for item in evidence.found]
        else:
            reasons += evidence.reasons()
    return reasons, list(dict.fromkeys(notes))


def _runs(proof: FleetProof, gone: tuple[Gone, ...]) -> bool:
    """Whether code that maps any of it runs now: then nothing is known of when the last left."""
    barrier = Barrier("", gone, 0)
    return any(one.manifest is None or barrier.against(one.manifest) for one in proof.code)


def is_contract(revision: PlannedRevision) -> bool:
    """Whether what runs now has to allow it: it is marked as contract, judged to be one, or takes something away."""
    return revision.contract_declared or revision.phase is Phase.CONTRACT or bool(gone_after(revision))


def broken_by(revision: PlannedRevision, plan: Plan, asked: Asked, known: Sequence[Manifest]) -> tuple[str, ...]:
    """Digests of the manifests that this revision would break otherwise than by taking names away.

    Of what is waived nobody says that it breaks; nor of what was accepted although it breaks somebody.
    """
    accepted = {
        change.id
        for change in revision.changes
        if change.verdict is Verdict.UNSAFE and asked.reason(change, revision) is not None
    }
    now = datetime.now(UTC)
    code = tuple(LiveCode(item.digest, item.version, "ready", item.digest, item) for item in known)
    judged = judged_again(replace(plan, revisions=(revision,), given=()), FleetProof("", now, now, code, ()))
    found = {
        blame.code.digest: None
        for change in judged.revisions[0].changes
        if change.verdict is Verdict.UNSAFE and change.id not in accepted
        for blame in change.blamed
        if not _maps_any(blame.code.manifest, change)
    }
    return tuple(found)


def _maps_any(manifest: Manifest | None, change: PlannedChange) -> bool:
    """Whether the code maps what the statement takes away, for which a barrier names that."""
    gone = tuple(_gone(change.recorded.before, change.recorded.after))
    return manifest is None or bool(Barrier("", gone, 0).against(manifest))


def gone_after(revision: PlannedRevision) -> tuple[Gone, ...]:
    """The tables and columns whose names the schema has before a revision and not after it."""
    return tuple(_gone(revision.recorded.before, revision.recorded.after))


def _gone(before: Catalog, after: Catalog) -> Iterator[Gone]:
    left = _names(after)
    for table, found in before.tables.items():
        if (table.lower(), None) not in left:
            yield Gone(table)
            continue
        yield from (
            Gone(table, column.name) for column in found.columns if (table.lower(), column.name.lower()) not in left
        )


def _names(catalog: Catalog) -> set[tuple[str, str | None]]:
    """Every table, and every column, in lower case: barriers compare names so."""
    return {
        name
        for table, found in catalog.tables.items()
        for name in ((table.lower(), None), *((table.lower(), column.name.lower()) for column in found.columns))
    }


def _name(gone: Gone) -> tuple[str, str | None]:
    return gone.table.lower(), None if gone.column is None else gone.column.lower()
