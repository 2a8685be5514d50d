"""Time and memory of `zdmigrate plan` beside its peers, on the same history, in the same run.

    python benchmarks/plan.py [--revisions 300] [--rounds 5]

Peers: `alembic upgrade head --sql` (renders the SQL, judges nothing), alembic-migration-linter (Alembic's offline SQL
and regular expressions) and zdm (a Rust binary that reads the files without running them). The last two are installed
into a throwaway environment; where that cannot be done the row says so. Commands are run as processes, cold, and the
median of the rounds is given.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from make_history import write_history

_PEERS = ("alembic-migration-linter==0.1.4", "zdm==0.9.1")
_TIMEOUT = 120.0


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--revisions", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zdrelease-bench-") as name:
        folder = Path(name)
        ini = write_history(folder / "history", options.revisions)
        bin_folder = Path(sys.executable).parent
        peers = _install_peers(folder / "peers")
        rows = [
            ("zdmigrate plan", [str(bin_folder / "zdmigrate"), "plan", "-c", str(ini), "--format", "json"]),
            ("alembic upgrade head --sql", [str(bin_folder / "alembic"), "-c", str(ini), "upgrade", "head", "--sql"]),
        ]
        if peers is not None:
            rows += [
                (
                    "alembic-migration-linter",
                    [str(peers / "alembic-lint"), "-c", str(ini), "-d", "mysql", "--no-cache"],
                ),
                ("zdm", [str(peers / "zdm"), str(ini.parent / "versions")]),
            ]
        rows.append(("zdmigrate --help", [str(bin_folder / "zdmigrate"), "--help"]))
        print(f"{options.revisions} revisions, median of {options.rounds} cold runs, {os.cpu_count()} cores\n")
        print("| command | seconds | peak memory (MB) | exit code |\n|---|--:|--:|--:|")
        for label, command in rows:
            print(_row(label, command, ini.parent, options.rounds), flush=True)
        if peers is None:
            print("| alembic-migration-linter, zdm | could not be installed here | | |")


def _row(label: str, command: Sequence[str], folder: Path, rounds: int) -> str:
    seconds, memory, code = [], 0.0, 0
    for _ in range(rounds):
        taken, peak, code = _run(command, folder)
        seconds.append(taken)
        memory = max(memory, peak)
    return f"| {label} | {statistics.median(seconds):.2f} | {memory:.0f} | {code} |"


def _run(command: Sequence[str], folder: Path) -> tuple[float, float, int]:
    """Seconds, peak resident megabytes, and exit code of one cold run."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except KeyboardInterrupt:
        process.kill()
        raise
    taken = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    return taken, _megabytes(usage), process.returncode


def _megabytes(usage: resource.struct_rusage) -> float:
    # Linux reports kilobytes, macOS bytes (getrusage(2)).
    return usage.ru_maxrss / (1024 if sys.platform.startswith("linux") else 1024 * 1024)


def _install_peers(folder: Path) -> Path | None:
    venv.create(folder, with_pip=True)
    done = subprocess.run(
        [str(folder / "bin" / "pip"), "install", "-q", *_PEERS], capture_output=True, timeout=_TIMEOUT, check=False
    )
    return folder / "bin" if done.returncode == 0 else None


if __name__ == "__main__":
    main()
