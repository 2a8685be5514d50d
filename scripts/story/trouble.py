"""Something nasty, once, at a chosen moment of the release: a moment, a random time after it, and what is done then.

The random times come from a seed that is printed, so that the run can be had again.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.story.outcome import Mark
from scripts.story.visit import read_events

_POLL = 0.05
Event = Mapping[str, Any]


@dataclass(frozen=True)
class Moment:
    """When it comes: as soon as a step of the release has begun, or, within it, the tool has said something.

    Attributes:
        longest: seconds after it at the most; less than is at work then takes on an idle machine.
        of_node: whether it is a step of one node.
        says: what the tool has said then.
    """

    step: str
    longest: float
    of_node: bool = False
    says: str = ""

    def is_there(self, events: Iterable[Event], said: str, node: str) -> bool:
        """Whether it has come, by the events so far and what the tool said."""
        wanted = (self.step, node if self.of_node else "", "begun")
        return self.says in said and any((event["step"], event["node"], event["outcome"]) == wanted for event in events)


MOMENTS: Mapping[str, Moment] = {
    "expand": Moment("expand", 15.0),
    "switchover": Moment("expand", 2.5, says="ok   watchdog "),
    "moved": Moment("expand", 3.0, says="ok   promote "),
    "drain": Moment("drain", 0.8, of_node=True),
    "stopped": Moment("start", 0.8, of_node=True),
    "backfill": Moment("migrate", 2.0),
    "contract": Moment("contract", 2.0),
}


@dataclass(frozen=True)
class Chance:
    """What a seed says.

    Attributes:
        at: the moment's name.
        node: that drains or is down then; one of several, where the moment is about a node.
        after: seconds from the moment on.
        rest: seconds until the tool is started again, when it is what was killed.
    """

    seed: int
    at: str
    node: str
    after: float
    rest: float

    @classmethod
    def of(cls, seed: int, at: str, nodes: Iterable[str]) -> Chance:
        """The same for the same seed. `at` may be "random"."""
        draw = random.Random(seed)
        drawn, node = draw.choice(sorted(MOMENTS)), draw.choice(sorted(nodes))
        name = drawn if at == "random" else at
        return cls(seed, name, node, draw.uniform(0.0, MOMENTS[name].longest), draw.uniform(0.0, 10.0))

    def __str__(self) -> str:
        where = f" of {self.node}" if MOMENTS[self.at].of_node else ""
        return f"{self.at}{where}, {self.after:.2f} s in (seed {self.seed})"


class Trouble:
    """Does something nasty, once, when its time has come.

    Args:
        events: the release's own file of events. log: what the tool says.
        what: what is done then; its result is the name for the chart.
    """

    def __init__(self, events: Path, log: Path, chance: Chance, what: Callable[[], str]) -> None:
        self.chance = chance
        self.marks: list[Mark] = []
        self._events, self._log, self._what = events, log, what
        self._error: BaseException | None = None
        self._met: frozenset[str] = frozenset()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._wait)

    def __enter__(self) -> Trouble:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._end.set()
        self._thread.join()

    def reasons(self) -> list[str]:
        """Why it was not what was wanted; nothing if it was."""
        if self._error is not None or not self.marks:
            return [f"the trouble did not come: {self._error or 'its moment was not seen'}"]
        wanted = MOMENTS[self.chance.at].step
        if wanted not in self._met:
            met = ", ".join(sorted(self._met)) or "nothing"
            return [f"the trouble came too late: at work was {met}, not {wanted}"]
        return []

    def _wait(self) -> None:
        moment = MOMENTS[self.chance.at]
        try:
            while not moment.is_there(read_events(self._events), self._said(), self.chance.node):
                if self._end.wait(_POLL):
                    return
            time.sleep(self.chance.after)
            began = time.time()
            name = self._what()
            self._met = at_work(read_events(self._events), began)
            self.marks.append(Mark(began, name))
        except BaseException as error:
            self._error = error

    def _said(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""


def at_work(events: Iterable[Event], at: float) -> frozenset[str]:
    """Steps that had begun then, and had not ended."""
    begun: dict[tuple[str, str], bool] = {}
    for event in events:
        if event["at"] <= at:
            begun[event["step"], event["node"]] = event["outcome"] == "begun"
    return frozenset(step for (step, _), on in begun.items() if on)
