"""`make demo`: the gate at work, with no server and no database.

1. The example shop's first attempt at a change: one revision, rejected, with the split spelled out.
2. The same change in three revisions: expand, migrate, contract. It passes.
3. A large real history, as its wheel ships it: downloaded now, never part of this repository, nothing of it installed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
SHOP = HERE / "flask_app"
ZDMIGRATE = [sys.executable, "-m", "zdmigrate"]

#: A public app with a long history on MySQL, and where its wheel keeps it.
REAL_APP = "octavia==19.0.0"
REAL_HISTORY = "octavia/db/migration/alembic_migrations"
DOWNLOAD_SECONDS = 180


def main() -> int:
    """Run the three scenes; the exit code says whether each came out as it must."""
    ok = _scene(
        "1. One step that no deploy can survive: rejected",
        ["check", "-c", str(SHOP / "first_attempt" / "alembic.ini"), "--from", "0001", "--to", "0002"],
        expected=1,
    )
    ok &= _scene(
        "2. The same change as expand, migrate, contract: passes",
        ["check", "-c", str(SHOP / "alembic.ini"), "--from", "0001"],
        expected=0,
    )
    _scene(
        "   and the plan it is carried out by", ["plan", "-c", str(SHOP / "alembic.ini"), "--from", "0001"], expected=0
    )
    ok &= _real_history()
    print("\nThat is the demo. Next: docs/migrations.md, to point it at your own app.")
    return 0 if ok else 1


def _scene(title: str, arguments: list[str], *, expected: int) -> bool:
    print(f"\n=== {title}\n$ zdmigrate {' '.join(_short(word) for word in arguments)}\n", flush=True)
    code = subprocess.run([*ZDMIGRATE, *arguments], cwd=HERE.parent, check=False).returncode
    if code != expected:
        print(f"!!! exit code {code}, but {expected} was expected", flush=True)
    return code == expected


def _short(word: str) -> str:
    return str(Path(word).relative_to(HERE.parent)) if word.startswith(str(HERE)) else word


def _real_history() -> bool:
    print(f"\n=== 3. A large real history: {REAL_APP}, nothing of it installed\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="zdrelease-demo-") as name:
        folder = Path(name)
        if not _download(folder):
            print(f"{REAL_APP} could not be downloaded (no package registry reached): this scene is left out.")
            return True
        arguments = ["plan", "--script-location", str(folder / REAL_HISTORY), "--stub-imports", "--format", "json"]
        started = time.perf_counter()
        done = subprocess.run([*ZDMIGRATE, *arguments], capture_output=True, check=False)
        seconds = time.perf_counter() - started
    if done.returncode != 0:
        print(done.stderr.decode(errors="replace"))
        return False
    _report(json.loads(done.stdout), seconds)
    return True


def _download(folder: Path) -> bool:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), REAL_APP]
    try:
        done = subprocess.run(command, capture_output=True, timeout=DOWNLOAD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        return False
    with zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(folder, [item for item in wheel.namelist() if item.startswith(REAL_HISTORY)])
    return True


def _report(plan: dict[str, object], seconds: float) -> None:
    revisions = plan["revisions"]
    assert isinstance(revisions, list)
    changes = [change for revision in revisions for change in revision["changes"]]
    verdicts = Counter(change["old_code"]["verdict"] for change in changes)
    phases = Counter(revision["phase"] for revision in revisions)
    unknown = [revision for revision in revisions if revision["replay_error"]]
    print(f"{len(revisions)} revisions, {len(changes)} statements, replayed and judged in {seconds:.1f} s")
    print("old code:  " + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()))
    print("revisions: " + ", ".join(f"{count} {phase}" for phase, count in phases.most_common()))
    print(f"not replayed to the end: {len(unknown)}, each with its reason, for example:")
    for revision in unknown[:2]:
        print(f"  {revision['revision']}: {revision['replay_error']['message']}")
    worst = [change for change in changes if change["old_code"]["verdict"] == "unsafe"]
    for change in worst[:3]:
        finding = change["findings"][0]
        print(f"  {change['id']} {change['kind']} {change['table'] or ''}: {finding['rule']} {finding['reason']}")


if __name__ == "__main__":
    sys.exit(main())
