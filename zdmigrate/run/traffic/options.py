"""Reading a [traffic] table: every key is known and of its kind, or the file is refused with the key's name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from zdmigrate.errors import UsageError, ZdmigrateError
from zdmigrate.run.topology import Topology


class TrafficError(ZdmigrateError):
    """Who steers clients did not do what was asked.

    Attributes:
        steering: which one: a socket, an address, a command.
        problem: what it said.
    """

    exit_code = 4

    def __init__(self, steering: str, problem: str) -> None:
        super().__init__(f"{steering}: {problem}")
        self.steering = steering
        self.problem = problem


def joined(errors: Sequence[TrafficError]) -> TrafficError:
    """One error for all of them."""
    if len(errors) == 1:
        return errors[0]
    return TrafficError(errors[0].steering, "; ".join([errors[0].problem, *map(str, errors[1:])]))


class Options:
    """The keys of a topology's [traffic] table."""

    def __init__(self, topology: Topology, known: Collection[str]) -> None:
        """Check that there is no key besides `known`.

        Raises:
            UsageError: there is.
        """
        self._topology = topology
        self._given = topology.traffic.options
        for key in self._given:
            if key not in known:
                raise self.error(f"has an unknown key {key!r}; known are {', '.join(sorted(known))}")

    def text(self, key: str, default: str | None = None) -> str:
        """A string that is not empty."""
        value = self._given.get(key, default)
        if not isinstance(value, str) or not value:
            raise self.error(f'has no {key}; write {key} = "…"')
        return value

    def texts(self, key: str) -> list[str]:
        """A list of strings, not empty."""
        value = self._given.get(key)
        if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
            raise self.error(f'has no {key}; write {key} = ["…"]')
        return value

    def number(self, key: str, default: int | None = None) -> int | None:
        """A number above 0."""
        value = self._given.get(key, default)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise self.error(f"{key} = {value!r} is not a number above 0")
        return value

    def seconds(self, key: str, default: float) -> float:
        """A time in seconds, above 0."""
        value = self._given.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise self.error(f"{key} = {value!r} is not a time in seconds")
        return float(value)

    def by_node(self, key: str) -> dict[str, str]:
        """What each node is called there: `key = { node = "name" }`, or the nodes' own names."""
        given: Any = self._given.get(key, {})
        names = {node.name: node.name for node in self._topology.nodes}
        if not isinstance(given, dict) or not all(isinstance(value, str) and value for value in given.values()):
            raise self.error(f'{key} is not a table of names; write {key} = {{ {next(iter(names))} = "…" }}')
        for name in given:
            if name not in names:
                raise self.error(f"{key} names {name!r}, which is no node")
        return {**names, **given}

    def error(self, text: str) -> UsageError:
        """A refusal of the file."""
        return UsageError(f"{self._topology.path}: [traffic] {text}")
