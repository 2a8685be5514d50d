"""Move live sessions from one store to another while both are in use: ``zdsession copy``.

Ids, users and times are kept, so a browser's cookie opens the copy too. A pass may be repeated, and repeats only what
changed; it may be stopped and go on from its cursor. What was ended in one of the stores is not revived from the other
(:mod:`zdsession.copy_merge` says how that is told from having expired).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import ParamSpec, TypeVar

from zdsession.clock import now_ms
from zdsession.copy_merge import (
    NAME_ID,
    Note,
    as_record,
    ended_in_source,
    ended_in_target,
    merged,
    name_record,
    note_id,
    note_in,
    note_on,
    rewritten,
)
from zdsession.errors import ConfigurationError, SessionError, StoreUnavailableError, TooLargeError
from zdsession.record import Outcome, Record
from zdsession.stores.base import Forgetful, Scannable, Store

P = ParamSpec("P")
T = TypeVar("T")

_PAGE = 200
_PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0, 5.0)
#: Of so many copies looked at together, more than half ended in the source is no chance: ids are hashes.
_SAMPLE = 20


class Fate(Enum):
    """What a pass did with one session."""

    COPIED = "copied"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    #: Ended in the target since an earlier pass; it stays ended.
    ENDED_IN_TARGET = "ended in the target"
    #: Ended in the source; its copy was ended too.
    ENDED_IN_SOURCE = "ended in the source"
    #: Ended or expired while it was being looked at.
    GONE = "gone meanwhile"
    #: Missing in a source that may have lost it in a restart; its copy was left alone.
    UNSURE = "lost by the source?"
    #: More than the target takes; it stays in the source alone.
    TOO_LARGE = "too large for the target"
    #: No session: a note of ours.
    NOTE = "note"


@dataclass(frozen=True)
class Progress:
    """Where a pass is: enough to go on from. ``phase`` is ``copy``, then ``ended``, then ``done``."""

    phase: str = "copy"
    cursor: str = ""
    #: Sessions by :class:`Fate` value.
    counts: tuple[tuple[str, int], ...] = ()

    def and_(self, fates: list[Fate]) -> dict[str, int]:
        """The counts with some more."""
        counts = dict(self.counts)
        for fate in fates:
            counts[fate.value] = counts.get(fate.value, 0) + 1
        return counts


class MassEndError(SessionError):
    """The source lacks most of what was copied from it: it was emptied, or is another store. Nothing was ended."""


class Copy:
    """One pass from ``source`` to ``target``.

    Args:
        source: the store in use so far.
        target: the store to be.
        workers: sessions copied at the same time.
        clock: milliseconds since the epoch.
        sleep: called with seconds, between tries while a store is out.

    Raises:
        ConfigurationError: a store that cannot list its sessions.
    """

    def __init__(
        self,
        source: Store,
        target: Store,
        *,
        workers: int = 4,
        clock: Callable[[], int] = now_ms,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        for store, name in ((source, "source"), (target, "target")):
            if not isinstance(store, Scannable):
                raise ConfigurationError(f"the {name}, a {type(store).__name__}, cannot list its sessions (scan)")
        self._source, self._target = source, target
        self._from: Scannable = source  # type: ignore[assignment]  # both are, as was just seen
        self._to: Scannable = target  # type: ignore[assignment]
        self._workers = workers
        self._clock = clock
        self._sleep = sleep

    def count(self) -> int:
        """About how many records the source has, notes included; asks for their ids only."""
        return sum(len(ids) for ids, _ in self._pages(self._from, "", 5000))

    def run(self, progress: Progress | None = None) -> Iterator[Progress]:
        """Copy, page by page. Each item is a state to go on from, after what came before it is in the target.

        Raises:
            StoreUnavailableError: a store stays out; go on from the last item when it is back.
            MassEndError: see there.
        """
        at = progress or Progress()
        with ThreadPoolExecutor(self._workers) as pool:
            if at.phase == "copy":
                life = self._life()
                for ids, cursor in self._pages(self._from, at.cursor, _PAGE):
                    fates = list(pool.map(lambda one: self._patiently(self._copy_if_it_fits, one, life), ids))
                    at = Progress("copy" if cursor else "ended", cursor, tuple(at.and_(fates).items()))
                    yield at
            if at.phase == "ended":
                for ids, cursor in self._pages(self._to, at.cursor, _PAGE):
                    fates = self._end(pool, ids)
                    at = Progress("ended" if cursor else "done", cursor, tuple(at.and_(fates).items()))
                    yield at

    def forget(self) -> int:
        """Remove the notes of all passes from the target, as after the last one; how many there were."""
        removed = 0
        self._patiently(self._source.destroy, NAME_ID)
        for ids, _ in self._pages(self._to, "", _PAGE):
            for record_id in ids:
                if note_in(self._patiently(self._target.load, record_id)) is not None:
                    removed += self._patiently(self._target.destroy, record_id)
        return removed

    def _copy_if_it_fits(self, record_id: str, life: str) -> Fate:
        try:
            return self._copy(record_id, life)
        except TooLargeError:
            return Fate.TOO_LARGE

    def _copy(self, record_id: str, life: str) -> Fate:
        source = self._source.load(record_id)
        if source is None:
            return Fate.GONE
        theirs = note_in(source)
        if theirs is not None:
            return self._carry_back(theirs)
        holder = self._target.load(note_id(record_id))
        note = note_in(holder)
        target = self._target.load(record_id)
        new_note = note_on(record_id, source, life)
        if target is None:
            if ended_in_target(note, self._clock()):
                return Fate.ENDED_IN_TARGET
            if self._target.create(record_id, source):
                self._write_note(new_note, source, holder)
                return self._unless_ended(record_id, source, life, Fate.COPIED)
            target = self._target.load(record_id)
            if target is None:
                return Fate.GONE
        step = merged(source, target, note)
        if step.change is not None:
            if self._target.save(record_id, target, step.change).outcome is Outcome.GONE:
                return Fate.ENDED_IN_TARGET
        elif step.touch is not None:
            self._target.touch(record_id, *step.touch)
        if note != new_note:
            self._write_note(new_note, source, holder)
        if step.change is None and step.touch is None:
            return Fate.UNCHANGED
        return self._unless_ended(record_id, source, life, Fate.UPDATED)

    def _carry_back(self, note: Note) -> Fate:
        """A note of a pass the other way: what was ended in its target, our source, is ended in ours too."""
        ended = self._source.load(note.id) is None and ended_in_target(note, self._clock())
        return Fate.ENDED_IN_SOURCE if ended and self._target.destroy(note.id) else Fate.NOTE

    def _unless_ended(self, record_id: str, copied: Record, life: str, fate: Fate) -> Fate:
        """``fate``, unless the session was ended in the source while it was copied: then so is the copy."""
        if self._clock() >= copied.expires or self._source.load(record_id) is not None:
            return fate
        if self._life() != life:
            return Fate.UNSURE
        self._target.destroy(record_id)
        return Fate.ENDED_IN_SOURCE

    def _write_note(self, note: Note, source: Record, holder: Record | None) -> None:
        if holder is not None:
            saved = self._target.save(note_id(note.id), holder, rewritten(note, holder))
            if saved.outcome is not Outcome.GONE:
                return
        self._target.create(note_id(note.id), as_record(note, source))

    def _end(self, pool: ThreadPoolExecutor, ids: list[str]) -> list[Fate]:
        """End the copies, of one page, of what was ended in the source."""
        life = self._life()
        noted = [note_in(record) for record in pool.map(lambda one: self._patiently(self._target.load, one), ids)]
        notes = [note for note in noted if note is not None]
        there = list(pool.map(lambda note: self._patiently(self._source.load, note.id) is not None, notes))
        missing = [note for note, found in zip(notes, there, strict=True) if not found]
        verdicts = [(note, ended_in_source(note, life, self._clock())) for note in missing]
        ended = [note for note, verdict in verdicts if verdict]
        if len(notes) >= _SAMPLE and 2 * len(ended) > len(notes):
            raise MassEndError(
                f"of {len(notes)} copies looked at, {len(ended)} are missing in the source before they can have "
                "expired: it was emptied, or is another store. Their copies were left alone"
            )
        fates = [Fate.UNSURE for _, verdict in verdicts if verdict is None]
        for note in ended:
            # The note goes last: should we be stopped here, the next pass still knows.
            if self._patiently(self._target.destroy, note.id):
                fates.append(Fate.ENDED_IN_SOURCE)
            self._patiently(self._target.destroy, note_id(note.id))
        return fates

    def _life(self) -> str:
        """What names the source's data: a record in it, gone when it is emptied, and what a forgetful store says."""
        source = self._source
        life = self._patiently(source.life) if isinstance(source, Forgetful) else ""
        name = self._patiently(source.load, NAME_ID)
        if name is None:
            self._patiently(source.create, NAME_ID, name_record(secrets.token_bytes(32), self._clock()))
            name = self._patiently(source.load, NAME_ID)
        if name is None:
            raise StoreUnavailableError("the source does not keep what is written to it")
        return f"{name.secret.hex()} {life}"

    def _pages(self, store: Scannable, cursor: str, size: int) -> Iterator[tuple[list[str], str]]:
        while True:
            ids, cursor = self._patiently(store.scan, cursor, size)
            yield [record_id for record_id in dict.fromkeys(ids) if record_id != NAME_ID], cursor
            if not cursor:
                return

    def _patiently(self, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``ask`` returns, tried for half a minute: a failover takes some seconds."""
        for pause in _PAUSES:
            try:
                return ask(*args, **kwargs)
            except StoreUnavailableError:
                self._sleep(pause)
        return ask(*args, **kwargs)
