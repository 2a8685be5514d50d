"""Run every labelled case on real servers and print label, verdict and what happened, as docs/labelled-cases.md.

python -m scripts.labelled_cases > docs/labelled-cases.md
"""

from __future__ import annotations

import csv
import sys
from contextlib import closing
from pathlib import Path

from tests.proof.support import Case, run_case, scratch_on
from tests.servers import KINDS, open_server

_CASES = Path(__file__).parents[1] / "tests" / "cases" / "labelled.csv"
_INTRODUCTION = """# The labelled cases, executed

Each case of `tests/cases/labelled.csv`: whether old code survives, as somebody labelled it; what our rules say; what
happened when old code's statements ran after the change (the error number is the first statement's). Made by
`python -m scripts.labelled_cases`; `tests/proof/test_labelled.py` holds it. Where a label is wrong,
[labels.md](labels.md) says why. `depends` may do either: its condition is somebody else's to meet.
"""
_ORDER = ("broke", "refused", "not run", "held")


def outcome(case: Case) -> str:
    """The worst that happened at any prefix, with the server's error number where old code got one."""
    results = {step.result: step for step in reversed(case.steps)}
    worst = next(item for item in _ORDER if item in results)
    broken = results[worst].broken
    return f"{worst} ({broken.errno})" if broken is not None and broken.errno else worst


def main() -> None:
    """Print the page."""
    rows = list(csv.DictReader(_CASES.read_text("utf-8").splitlines()))
    said: dict[str, list[str]] = {row["id"]: [] for row in rows}
    versions = []
    for kind in KINDS:
        if kind == "redis":
            continue
        with closing(open_server(kind)) as server, scratch_on(server.url()) as (made, flavour):
            versions.append(str(flavour))
            for place, row in enumerate(rows, 1):
                if sys.stderr.isatty():
                    print(f"\r{flavour} {place}/{len(rows)}", end="", file=sys.stderr)
                made.empty()
                case = run_case(made, row["base"], row["sql"], flavour=flavour)
                said[row["id"]] += [case.static.value, outcome(case)]
    print(_INTRODUCTION)
    heads = [text for version in versions for text in (f"rules, {version}", f"run, {version}")]
    print("| case | change | label | " + " | ".join(heads) + " |")
    print("|---|---|---|" + "---|" * len(heads))
    for row in rows:
        sql = " ".join(row["sql"].split()).replace("|", "\\|")
        shown = sql if len(sql) <= 90 else sql[:87] + "…"
        print(f"| {row['id']} | `` {shown} `` | {row['label']} | " + " | ".join(said[row["id"]]) + " |")


if __name__ == "__main__":
    main()
