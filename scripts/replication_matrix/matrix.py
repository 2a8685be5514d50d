"""The matrix of one server version: measured, kept as CSV, compared."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.replication_matrix.cases import Case, Vendor
from scripts.replication_matrix.pair import Pair
from scripts.replication_matrix.runs import MODES, Mode, run
from tests.verdict.recording import catalog_of, record
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.replication import ReplicationClass, classify

FOLDER = Path(__file__).parents[2] / "docs" / "replication"

#: One line of a matrix, as text by column.
Row = dict[str, str]
COLUMNS = ("case", "alter", "class", "needs", *(mode.column for mode in MODES), "tables", "alter_clause")
MEASURED = tuple(mode.column for mode in MODES)


@dataclass(frozen=True, slots=True)
class Subject:
    """A server version whose matrix is kept.

    Attributes:
        name: as in the file's name.
        vendor, version: which server to start.
    """

    name: str
    vendor: Vendor
    version: str

    @property
    def path(self) -> Path:
        """The committed matrix."""
        return FOLDER / f"{self.name}.csv"

    @property
    def target(self) -> Flavour:
        """The target that its rows are judged for."""
        return Flavour.parse(f"{self.vendor}:{self.version}")


SUBJECTS = (
    Subject("mysql-9.7", "mysql", "9.7"),
    Subject("mariadb-10.11", "mariadb", "10.11"),
    Subject("mariadb-11.8", "mariadb", "11.8"),
)


def judge(case: Case, target: Flavour) -> ReplicationClass:
    """What `zdmigrate` says of a case."""
    return classify(record(f"ALTER TABLE t {case.clause}", catalog_of(case.tables, target), target), target)


def measure(pair: Pair, case: Case, modes: Sequence[Mode] = MODES) -> Row:
    """The measured columns of one case; those of modes that this vendor does not have are empty.

    Raises:
        PairError: The pair does not replicate, or the case is wrong.
    """
    return {mode.column: run(pair, case, mode) if mode.runs_on(pair.vendor) else "" for mode in modes}


def describe(case: Case, target: Flavour) -> Row:
    """The columns of one case that need no server."""
    judged = judge(case, target)
    return {
        "case": str(case.number),
        "alter": case.title,
        "class": judged.cls,
        "needs": " ".join(judged.needs),
        "tables": case.tables,
        "alter_clause": case.clause,
    }


def read(path: Path) -> dict[int, Row]:
    """A committed matrix by case; empty when there is none yet."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {int(row["case"]): row for row in csv.DictReader(file)}


def write(path: Path, rows: Mapping[int, Row]) -> None:
    """Replace a committed matrix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[number] for number in sorted(rows))


def differences(committed: Row | None, measured: Row) -> list[str]:
    """What a row, or some columns of it, says otherwise now; each as one line."""
    if committed is None:
        return ["it is not in the committed matrix"]
    return [
        f"{column}: committed {committed[column]!r}, now {value!r}"
        for column, value in measured.items()
        if committed[column] != value
    ]
