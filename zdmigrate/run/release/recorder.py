"""Listens while a release runs, and makes the record of it. For reports; nothing is decided here.

What cannot be found out (a store or a server that does not answer) is left out: it never stands in the way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.record import AppNodeRecord, EarlierStepRecord, NodeRecord, RunRecord, StepRecord, ending_of
from zdmigrate.run.release import sight
from zdmigrate.run.release.balancers import open_balancer
from zdmigrate.run.release.commands import Commands
from zdmigrate.run.release.fleet import Fleet, open_fleet
from zdmigrate.run.release.hiding import Hiding
from zdmigrate.run.release.journal import Entry, Event, read_events, read_journal
from zdmigrate.run.release.phases import PHASES, database_servers
from zdmigrate.run.release.plan import NodeView
from zdmigrate.run.release.prepare import goal_of
from zdmigrate.run.release.spec import ReleaseSpec
from zdmigrate.run.release.telling import Told

if TYPE_CHECKING:
    from zdmigrate.run.release.prepare import Prepared

#: Seconds that a command may take which only says what the balancer does: the run has ended, and people wait.
_LOOK_SECONDS = 10.0


def reports_of(spec: ReleaseSpec, entry: Entry) -> Path:
    """Folder in which each phase of a release has a folder for the reports of what it ran."""
    return spec.journal / "reports" / entry.id


class ReleaseRecorder:
    """Listens to one run of `zdmigrate release` from `begin` on; `end` makes the record.

    Attributes:
        said: what zdmigrate's own command that the release called last said, if it did not end well.
    """

    def __init__(self, spec: ReleaseSpec, command: str) -> None:
        self.said = ""
        self._spec = spec
        self._command = command
        self._hiding = Hiding(())
        self._entry: Entry | None = None
        self._continued = False
        self._began = datetime.now(UTC)
        self._start = 0.0
        self._steps: list[StepRecord] = []
        self._earlier: tuple[EarlierStepRecord, ...] = ()
        self._notes: list[str] = []
        self._why = ""
        self._app: tuple[AppNodeRecord, ...] = ()
        self._servers: tuple[NodeRecord, ...] = ()
        self._looking: threading.Thread | None = None

    @property
    def reports(self) -> Path | None:
        """Where what it ran on the database left reports, this time and before; None until it began."""
        return None if self._entry is None else reports_of(self._spec, self._entry)

    def begin(self, entry: Entry, prepared: Prepared) -> None:
        """The release begins, or goes on."""
        self._entry, self._continued = entry, prepared.going_on
        self._hiding = Hiding.of(self._spec)
        self._app = tuple(self._app_nodes(prepared.views))
        if prepared.others:
            self._notes.append(f"also in the fleet, and left alone: {', '.join(prepared.others)}")
        if prepared.going_on:
            self._earlier = tuple(self._steps_of(read_events(self._spec.journal, entry.id)))
            local = read_journal(self._spec.journal)
            if local is None or local.id != entry.id:
                over = ", ".join(entry.finished) or "no phase"
                self._notes.append(
                    f"an earlier run of {entry.owner} noted its steps elsewhere: in events.jsonl of its own journal's "
                    f"folder; over was {over}"
                )
            # A server may be away, and writes may be blocked: whoever ends that must not wait for us.
            self._looking = threading.Thread(target=self._look_before, name="zdmigrate look", daemon=True)
            self._looking.start()
        else:
            self._look_before()
        self._began, self._start = datetime.now(UTC), time.monotonic()

    def step(self, told: Told) -> None:
        """A step begins, waits or has ended."""
        if self._entry is None or told.outcome not in ("done", "failed"):
            return
        if told.outcome == "failed" and told.step in PHASES:
            self._why = self.said
        start = max(0.0, time.monotonic() - self._start - told.seconds)
        outcome = _outcome(told.step, told.outcome)
        self._steps.append(
            StepRecord(told.step, told.node, outcome, start, told.seconds, self._hiding.hidden(told.detail))
        )

    def end(self, error: BaseException | None = None) -> RunRecord | None:
        """The run ended, with `error` or well; None when it never began."""
        entry = self._entry
        if entry is None:
            return None
        seconds = time.monotonic() - self._start
        ended = datetime.now(UTC)
        if self._looking is not None:
            self._looking.join()  # each look is bounded
        outcome, said, command = ending_of(error)
        if error is not None and self._why:
            said = f"{said}\n{self._why}"
        undoing = entry.direction == "undo"
        if undoing and self._spec.alembic is not None:
            self._notes.append("what migrations changed stays as it is: the old version can run with it")
        wanted = goal_of(entry).version
        app = tuple(self._app_now(entry))
        running = sum(node.versions == (wanted,) and node.state == "ready" for node in app)
        known = all(not node.problem for node in app)
        return RunRecord(
            run=entry.id,
            kind="undo" if undoing else "release",
            continued=self._continued,
            command=self._command,
            began=self._began,
            ended=ended,
            seconds=seconds,
            outcome=outcome,
            exit_code=0 if error is None else int(getattr(error, "exit_code", 1)),
            message=self._hiding.hidden(said),
            next=self._hiding.hidden(command),
            old="",
            new="",
            before=self._servers,
            after=self._servers_now(),
            steps=tuple(self._steps),
            statements=(),
            lag=(),
            figures={"strategy": entry.strategy}
            | ({f"nodes run {wanted}": f"{running} of {self._spec.serving}"} if known else {}),
            notes=tuple(self._hiding.hidden(note) for note in self._notes),
            old_version=entry.new if undoing else entry.old,
            new_version=wanted,
            app_before=self._app,
            app_after=app,
            earlier=self._earlier,
        )

    def _app_nodes(self, views: Sequence[NodeView]) -> Iterator[AppNodeRecord]:
        for view in views:
            address = self._spec.node(view.name).address
            yield AppNodeRecord(view.name, address, tuple(sorted(view.versions)), view.state, view.rotation)

    def _app_now(self, entry: Entry) -> Iterator[AppNodeRecord]:
        """Looked at once: who waits for the end of a run does not wait for a store that is out."""
        balancer = self._spec.balancer
        if balancer.kind == "command":
            balancer = replace(balancer, options={**balancer.options, "timeout": _LOOK_SECONDS})
        spec = replace(self._spec, balancer=balancer, limits=replace(self._spec.limits, ready_within=0.0))
        try:
            with open_fleet(spec.fleet) as store:
                fleet = Fleet(store, spec.fleet, spec.limits)
                seen = sight.look(spec, fleet, open_balancer(spec, Commands(spec.journal, _LOOK_SECONDS)))
        except (ZdmigrateError, OSError) as error:
            problem = self._hiding.hidden(str(error))
            yield from (AppNodeRecord(node.name, node.address, problem=problem) for node in spec.nodes)
            return
        yield from self._app_nodes(seen.views(spec, entry))

    def _look_before(self) -> None:
        self._servers = self._servers_now()

    def _servers_now(self) -> tuple[NodeRecord, ...]:
        try:
            topology = database_servers(self._spec)
        except ZdmigrateError:
            return ()
        if topology is None:
            return ()
        from zdmigrate.run.recorder import look  # half a second of imports that a release without migrations spares

        return tuple(look(node) for node in topology.nodes)

    def _steps_of(self, events: Sequence[Event]) -> Iterator[EarlierStepRecord]:
        """In the order they ended; one that has no end, where the run that took it was cut off, by its begin."""
        begun: dict[tuple[str, str], Event] = {}
        for event in events:
            key = (event.step, event.node)
            if event.outcome == "begun":
                if key in begun:
                    yield self._cut_off(begun.pop(key))
                begun[key] = event
                continue
            begun.pop(key, None)
            yield EarlierStepRecord(
                _utc(event.at), event.step, event.node, _outcome(event.step, event.outcome), event.seconds,
                self._hiding.hidden(event.detail),
            )  # fmt: skip
        yield from map(self._cut_off, begun.values())

    def _cut_off(self, event: Event) -> EarlierStepRecord:
        return EarlierStepRecord(_utc(event.at), event.step, event.node, "cut off", 0.0)


def _outcome(step: str, outcome: str) -> str:
    """Putting a node back is undoing its drain."""
    if step == "put-back":
        return "undone" if outcome == "done" else "undo-failed"
    return outcome


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
