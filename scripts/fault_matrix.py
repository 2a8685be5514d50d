"""Run the cells of the fault matrix, one after another, keep each result, and write docs/fault-matrix.md.

    python -m scripts.fault_matrix                        # every cell without a result, then the page
    python -m scripts.fault_matrix --seconds 3600         # no new cell after an hour
    python -m scripts.fault_matrix --only promote         # cells whose name has this in it
    python -m scripts.fault_matrix --again                # those that failed, or were run on other code, too
    python -m scripts.fault_matrix --render               # only write the page

A cell is a test of tests/run/faults; its result is a line of docs/fault-matrix.csv, so the run may be stopped and
started again at any time. Exit status 1 when a cell failed.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "fault-matrix.csv"
PAGE = ROOT / "docs" / "fault-matrix.md"
TESTS = "tests/run/faults/test_matrix.py"
FIELDS = ("run", "server", "stage", "fault", "result", "ended", "resume", "serves", "seconds", "code", "detail")
#: Cells of one pytest run: they share their servers, and a result is never lost for more than these.
BATCH = 3
#: What the cells of a file are about.
_RUNS = {"test_matrix": "switchover"}
_NAME = re.compile(r"tests/run/faults/(?P<file>\w+)\.py::\w+\[(?P<server>mysql|mariadb)-(?P<stage>.+)-(?P<fault>"
                   r"kill tool|kill primary|kill replica|cut tool-primary|cut tool-replica|cut primary-replica|"
                   r"second run)\]")  # fmt: skip

Key = tuple[str, str, str, str]
Row = dict[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what has no result, write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.fault_matrix", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no cell after so long")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cells whose name has it")
    parser.add_argument("--again", action="store_true", help="also cells that failed or were run on other code")
    parser.add_argument("--render", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    cells, results, code = collect(), read(), code_hash()
    if not options.render:
        wanted = [
            (key, name)
            for key, name in cells.items()
            if options.only in name
            and (
                key not in results
                or (options.again and (results[key]["result"] != "passed" or results[key]["code"] != code))
            )
        ]
        end = time.monotonic() + options.seconds
        while wanted and time.monotonic() < end:
            batch, wanted = wanted[:BATCH], wanted[BATCH:]
            for row in run([name for _, name in batch], code):
                results[key_of(row)] = row
                print(f"{row['result']:<7} {float(row['seconds']):6.1f} s  {' '.join(key_of(row))}", flush=True)
            write(results, cells)
    PAGE.write_text(render(results, cells), encoding="utf-8")
    return int(any(row["result"] != "passed" for row in results.values()))


def collect() -> dict[Key, str]:
    """Every cell, by what it is, with the name that pytest has for it."""
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--collect-only", "-m", "soak or not soak", TESTS],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if said.returncode:
        raise SystemExit(f"pytest cannot collect the cells:\n{said.stdout}{said.stderr}")
    found: dict[Key, str] = {}
    for line in said.stdout.splitlines():
        if match := _NAME.fullmatch(line.strip()):
            found[(_RUNS[match["file"]], match["server"], match["stage"], match["fault"])] = line.strip()
    return found


def code_hash() -> str:
    """What of the code decides a cell: everything of `zdmigrate/run`."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "zdmigrate" / "run").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def run(names: Sequence[str], code: str) -> list[Row]:
    """The results of some cells. A cell that pytest did not get to (it was ended) has none."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        subprocess.run(
            [
                sys.executable, "-m", "pytest", "-q", "-m", "soak or not soak", "-p", "no:cacheprovider",
                "-o", "junit_family=xunit1", "-o", "junit_logging=no", f"--junitxml={report}", *names,
            ],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        if not report.exists():
            raise SystemExit("pytest ended without a report")
        return [row for case in ET.parse(report).iter("testcase") if (row := _row(case, code)) is not None]


def _row(case: ET.Element, code: str) -> Row | None:
    name = f"{case.get('file')}::{case.get('name')}"
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    problem = case.find("failure") if case.find("failure") is not None else case.find("error")
    said = {item.get("name", ""): item.get("value", "") for item in case.iter("property")}
    detail = "" if problem is None else " ".join((problem.get("message") or "").split())[:300]
    return {
        "run": _RUNS[match["file"]], "server": match["server"], "stage": match["stage"], "fault": match["fault"],
        "result": "passed" if problem is None else "failed", "ended": said.get("ended", ""),
        "resume": said.get("resume", ""), "serves": said.get("serves", ""),
        "seconds": f"{float(case.get('time') or 0):.1f}", "code": code, "detail": detail,
    }  # fmt: skip


def key_of(row: Mapping[str, str]) -> Key:
    """Which cell it is a result of."""
    return row["run"], row["server"], row["stage"], row["fault"]


def read() -> dict[Key, Row]:
    """The results there are."""
    if not RESULTS.exists():
        return {}
    with RESULTS.open(encoding="utf-8", newline="") as file:
        return {key_of(row): dict(row) for row in csv.DictReader(file)}


def write(results: Mapping[Key, Row], cells: Iterable[Key]) -> None:
    """Keep the results, in the order of the cells; those of cells that are no more are dropped."""
    with RESULTS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(results[key] for key in cells if key in results)


_HEAD = """# The fault matrix

Every stage of a run times every fault, on a pair of real servers with writers on it: `tests/run/faults`. Before the
stage the fault strikes; when the run has ended it is mended, `zdmigrate resume` is given until nothing is left, and
then these hold:

1. never were two servers writable at once;
2. no acknowledged write is lost or doubled, on any node;
3. the app could write again by itself, or the tool had named the one command that makes it so;
4. `resume` brought the run to its end, with no SQL of a person;
5. every global variable is as it was, but for who is read-only;
6. no node has a transaction of its own;
7. both nodes have the same schema.

`python -m scripts.fault_matrix` runs the cells and writes this page and [fault-matrix.csv](fault-matrix.csv), which
says of each cell how the run ended, what `resume` did, who serves, how long it took, and on which code (a hash of
`zdmigrate/run`) it was run.

In a cell: **u** the run gave up and everything is as it was, **d** done, **p** it asked for a person and named the
command, **k** killed; after it what `resume` did: **u** undid it, **f** finished it, nothing when nothing was left.
**FAIL**: a promise was broken. **·**: not run yet.
"""
_ENDED = {"undone": "u", "done": "d", "asked for a person": "p", "killed": "k", "refused": "r"}
_RESUMED = {"resume undid it": "u", "resume finished it": "f"}


def render(results: Mapping[Key, Row], cells: Mapping[Key, str]) -> str:
    """The page."""
    known = {key: row for key, row in results.items() if key in cells}
    passed = sum(row["result"] == "passed" for row in known.values())
    codes = sorted({row["code"] for row in known.values()})
    lines = [
        _HEAD,
        f"{len(cells)} cells; run: {len(known)}; passed: {passed}; failed: {len(known) - passed}. "
        f"Code: {', '.join(codes) or 'none'}.",
        "",
    ]
    for run_, server in dict.fromkeys((key[0], key[1]) for key in cells):
        mine = [key for key in cells if key[:2] == (run_, server)]
        faults = list(dict.fromkeys(key[3] for key in mine))
        lines += [f"## {run_}, {'MySQL' if server == 'mysql' else 'MariaDB'}", ""]
        lines += [f"| before | {' | '.join(faults)} |", f"|---|{'---|' * len(faults)}"]
        for stage in dict.fromkeys(key[2] for key in mine):
            shown = [_shown(known.get((run_, server, stage, fault))) for fault in faults]
            lines.append(f"| `{stage}` | {' | '.join(shown)} |")
        lines.append("")
    failed = [row for row in known.values() if row["result"] != "passed"]
    if failed:
        lines += ["## What failed", ""]
        lines += [f"- {' '.join(key_of(row))}: {row['detail']}" for row in failed]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _shown(row: Row | None) -> str:
    if row is None:
        return "·"
    if row["result"] != "passed":
        return "**FAIL**"
    return f"{_ENDED.get(row['ended'], '?')}{_RESUMED.get(row['resume'], '')}"


if __name__ == "__main__":
    sys.exit(main())
