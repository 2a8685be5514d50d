"""Fleets for tests: nodes written into a store as they would write themselves, and manifests for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zdsession.clock import now_ms
from zdsession.fleet import Process, Registry, State
from zdsession.manifest import Manifest, MappedColumn, MappedTable
from zdsession.stores import Store, open_store

_HOUR = 3_600_000


def mapping(version: str, **tables: str) -> Manifest:
    """A manifest of integer columns: `mapping("1.0", users="id name")`; a `?` after a name makes it nullable."""
    mapped = {
        table: MappedTable(
            {name.rstrip("?"): MappedColumn("INT", nullable=name.endswith("?")) for name in columns.split()}
        )
        for table, columns in tables.items()
    }
    return Manifest(version, ("aaaa1",), mapped)


class Fleets:
    """A fleet in the store that a URL names; what nodes say is written as they would write it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store: Store = open_store(url)
        self.registry = Registry(self.store)

    def runs(self, node: str, manifest: Manifest | None, state: State = State.READY, **values: Any) -> None:
        """A process of that node says so; its silence is never noticed, however slow the test is, unless asked for."""
        if manifest is not None:
            self.registry.publish(manifest)
        self.registry.enlist(node)
        said = {"version": "" if manifest is None else manifest.version, "beat": now_ms() + _HOUR, **values}
        process = Process(
            id=f"{node}-1", pid=1, host=node, state=state, started=now_ms(), every_ms=1000,
            manifest="" if manifest is None else manifest.digest, **said,
        )  # fmt: skip
        self.registry.beat(node, process, lambda other: False)

    def ends(self, node: str) -> None:
        """Its process says goodbye."""
        self.registry.goodbye(node, f"{node}-1")

    def close(self) -> None:
        """Let the store go."""
        self.store.close()


def written(path: Path, manifest: Manifest) -> str:
    """The manifest in a file; its name."""
    path.write_bytes(manifest.to_json())
    return str(path)


def obstacles(text: str, kind: str = "fleet") -> list[str]:
    """The messages of the gate's obstacles of that kind, in a JSON report."""
    return [item["message"] for item in json.loads(text)["gate"]["obstacles"] if item["kind"] == kind]
