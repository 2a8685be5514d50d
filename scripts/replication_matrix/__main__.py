"""Measure what replication does with rows while only one side has an ALTER, and compare with the committed matrices.

    python -m scripts.replication_matrix                      # all three servers, every case
    python -m scripts.replication_matrix mysql-9.7 --case 13  # one
    python -m scripts.replication_matrix --write              # replace what is committed
    python -m scripts.replication_matrix --judge --write      # only the classes, after a change of them: no server

Starts a pair of throwaway servers for each (`make servers` prepares them). Exit status 1 when a row differs, 2 when a
matrix cannot be measured.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence

import pymysql

from scripts.replication_matrix.cases import CASES, Case, case
from scripts.replication_matrix.matrix import (
    MEASURED,
    SUBJECTS,
    Row,
    Subject,
    describe,
    differences,
    measure,
    read,
    write,
)
from scripts.replication_matrix.pair import Pair, PairError
from tests.servers import ServerError


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, measure, compare."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.replication_matrix",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [subject.name for subject in SUBJECTS]
    parser.add_argument("subjects", nargs="*", metavar="SERVER", help=f"of {', '.join(names)}; default: all")
    parser.add_argument("--case", type=int, action="append", metavar="N", help="only this case; may be repeated")
    parser.add_argument("--write", action="store_true", help="put the measured rows into the committed matrices")
    parser.add_argument("--judge", action="store_true", help="classify again, measure nothing")
    options = parser.parse_args(arguments)
    unknown = set(options.subjects) - set(names)
    if unknown:
        parser.error(f"unknown server {', '.join(sorted(unknown))}; it may be {', '.join(names)}")
    if unknown_cases := set(options.case or ()) - {one.number for one in CASES}:
        parser.error(f"no case {', '.join(map(str, sorted(unknown_cases)))}; they go from 1 to {len(CASES)}")
    cases = [case(number) for number in sorted(set(options.case))] if options.case else list(CASES)
    differ = 0
    for subject in SUBJECTS:
        if not options.subjects or subject.name in options.subjects:
            started = time.monotonic()
            committed = read(subject.path)
            chosen = [one for one in cases if one.runs_on(subject.vendor)]
            try:
                rows = _judged(subject, chosen, committed) if options.judge else _measured(subject, chosen)
            except (ServerError, PairError, pymysql.MySQLError) as error:
                print(f"{subject.name}: {error}", file=sys.stderr)
                return 2
            differ += _compare(subject, committed, rows)
            if options.write:
                write(subject.path, {**committed, **rows})
            print(f"{subject.name}: {len(rows)} cases in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return 1 if differ and not options.write else 0


def _measured(subject: Subject, cases: Sequence[Case]) -> dict[int, Row]:
    rows = {}
    with Pair(subject.vendor, subject.version) as pair:
        for one in cases:
            rows[one.number] = row = {**describe(one, subject.target), **measure(pair, one)}
            print(_line(row), flush=True)
    return rows


def _judged(subject: Subject, cases: Sequence[Case], committed: Mapping[int, Row]) -> dict[int, Row]:
    """The rows as committed, with the classes of today; cases never measured are left out."""
    return {
        one.number: {**committed[one.number], **describe(one, subject.target)}
        for one in cases
        if one.number in committed
    }


def _line(row: Row) -> str:
    return f"{row['case']:>3} {row['class']} {row['alter']}: " + " | ".join(row[name] or "-" for name in MEASURED)


def _compare(subject: Subject, committed: Mapping[int, Row], rows: Mapping[int, Row]) -> int:
    """Print what differs from the committed matrix; how many rows do."""
    found = 0
    for number, row in rows.items():
        changed = differences(committed.get(number), row)
        found += bool(changed)
        for change in changed:
            print(f"{subject.name}, case {number}: {change}", file=sys.stderr)
    return found


if __name__ == "__main__":
    sys.exit(main())
