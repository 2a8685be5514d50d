"""`make story-matrix`: the story on both flavours, with every kind of session store, and with something killed.

Each run is a process of its own; the table of all is printed at the end. The exit code is 0 when each was green.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.story.trouble import MOMENTS

_RUN_SECONDS = 1800

RUNS: Mapping[str, tuple[str, ...]] = {
    "mysql-mirrored": (),
    "mariadb-mirrored": ("--flavour", "mariadb"),
    "mysql-redis": ("--sessions", "redis"),
    "mysql-sql": ("--sessions", "sql"),
    "mysql-redis-killed": ("--trouble", "redis"),
    "mysql-node-killed": ("--trouble", "node"),
    **{f"mysql-tool-killed-{at}": ("--trouble", "tool", "--at", at) for at in MOMENTS},
    **{
        f"mariadb-tool-killed-{at}": ("--flavour", "mariadb", "--trouble", "tool", "--at", at)
        for at in ("switchover", "random")
    },
    "mysql-usual": ("--usual",),
}
_COLUMNS = {
    "pages": "pages",
    "failed_requests": "failed",
    "sessions_lost": "sessions lost",
    "orders_acknowledged": "orders acknowledged",
    "orders_stored": "in the database",
    "median_ms": "median, ms",
    "p99_ms": "p99, ms",
    "longest_ms": "longest page, ms",
    "longest_silence_s": "longest without any page, s",
    "whole run": "whole run",
    "killed": "killed",
}


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m scripts.story.matrix", description=__doc__)
    parser.add_argument("runs", nargs="*", help=f"of {', '.join(RUNS)}; all but the usual way by default")
    parser.add_argument("--output", type=Path, default=Path("build/story"))
    parser.add_argument("--orders", type=int, default=120_000)
    parser.add_argument("--seed", type=int, help="of what is killed when; by default another one each time, printed")
    asked = parser.parse_args()
    names = asked.runs or [name for name in RUNS if name != "mysql-usual"]
    if unknown := sorted(set(names) - set(RUNS)):
        parser.error(f"there is no run {unknown[0]}; there are {', '.join(RUNS)}")
    seed = [] if asked.seed is None else ["--seed", str(asked.seed)]
    green = True
    for name in names:
        print(f"=== {name}", flush=True)
        command = [sys.executable, "-m", "scripts.story", "--name", name, "--output", str(asked.output)]
        code = subprocess.run(
            [*command, "--orders", str(asked.orders), *seed, *RUNS[name]], timeout=_RUN_SECONDS, check=False
        ).returncode
        green &= code == 0
    print(table({name: asked.output / f"{name}.json" for name in names}))
    return 0 if green else 1


def table(files: Mapping[str, Path]) -> str:
    """The figures of these runs, as Markdown; a run that wrote none is told."""
    lines = ["| run | green | " + " | ".join(_COLUMNS.values()) + " |", "|---|---|" + "--:|" * len(_COLUMNS)]
    for name, file in files.items():
        if not file.exists():
            lines.append(f"| {name} | did not come to its end |" + " |" * len(_COLUMNS))
            continue
        figures: dict[str, Any] = json.loads(file.read_text())
        cells = [_shown(figures.get(key, "")) for key in _COLUMNS]
        lines.append(f"| {name} | {'yes' if figures['green'] else 'no'} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
