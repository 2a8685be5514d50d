"""The probes: what servers accepted, and the tables they were asked on."""

import csv
import re
from pathlib import Path
from typing import NamedTuple

from tests.verdict.recording import catalog_of, record
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.cost import Cost, estimate

DATA = Path(__file__).parents[1] / "data"


class Probe(NamedTuple):
    """One question to a server, and its answer."""

    operation: str
    table: str
    session: str
    clause: str
    best: str
    lock_none: str
    lock_shared: str
    rebuild: str
    refusal: str


def probes(name: str) -> list[Probe]:
    """The probes of one file of `tests/verdict/data`."""
    with (DATA / f"{name}.csv").open(newline="") as file:
        return [
            Probe(
                row["operation"],
                row["table"],
                row["session"],
                row["alter_clause"],
                row["best_algorithm"],
                row.get("lock_none_ok") or row["lock_none_accepted"],
                row.get("lock_shared_ok") or row["lock_shared_accepted"],
                row["rebuild"],
                row.get("instant_error") or row.get("refusal_of_instant") or "",
            )
            for row in csv.DictReader(file)
        ]


def tables() -> dict[str, str]:
    """The named table definitions of `tables.sql`."""
    parts = re.split(r"(?m)^-- table: (\S+).*$", (DATA / "tables.sql").read_text())
    return dict(zip(parts[1::2], (text.strip() for text in parts[2::2]), strict=True))


TABLES = tables()


def cost_of(table: str, clause: str, target: Flavour, *, session: str = "") -> Cost:
    """The estimate for `ALTER TABLE t clause` on one of the named tables."""
    before = catalog_of(TABLES[table], target)
    return estimate(record(f"ALTER TABLE t {clause}", before, target, session=session), target)
