"""Plan one history in this interpreter (the app's own, or a bare one) and write what was recorded as JSON.

    python replay_worker.py < job.json > result.json

Runs where only zdmigrate's run-time dependencies are certain to be there.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """One job from standard input to standard output."""
    job: dict[str, Any] = json.load(sys.stdin)
    out = os.dup(1)
    os.dup2(2, 1)  # what an app prints does not belong into the result
    result = run(job)
    with os.fdopen(out, "w") as stream:
        json.dump(result, stream)


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Plan the job's history."""
    started = time.perf_counter()
    from zdmigrate.assemble import Request, assemble
    from zdmigrate.config import Settings

    imported = time.perf_counter() - started
    settings = Settings(
        script_location=job["scripts"],
        version_locations=tuple(job["versions"]),
        target=job["target"],
        schema=Path(job["schema"]) if job["schema"] else None,
        imports=tuple(job["imports"]),
        stub_imports=job["stub_imports"],
        metadata=job["naming"] or None,
    )
    started = time.perf_counter()
    plan = assemble(Request(settings))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    import sqlalchemy

    root = Path(job["root"])
    return {
        "sqlalchemy": sqlalchemy.__version__,
        "import_seconds": imported,
        "seconds": seconds,
        "peak_mb": peak / 1024,
        "counts": plan.counts(),
        "revisions": [_revision(item, root) for item in plan.revisions],
    }


def _revision(planned: Any, root: Path) -> dict[str, Any]:
    recorded = planned.recorded
    error = recorded.error
    return {
        "revision": recorded.revision,
        "path": _below(recorded.path, root),
        "data_dependent": recorded.data_dependent,
        "error": error and {"kind": str(error.kind), "message": error.message, "line": error.line},
        "statements": [
            {
                "sql": change.recorded.statement.sql,
                "node": type(change.recorded.statement.node).__name__,
                "source": change.recorded.source,
                "line": change.recorded.line,
                "data_dependent": change.recorded.data_dependent,
                "inert": change.recorded.inert,
                "refusal": change.recorded.refusal and change.recorded.refusal.errno,
                "verdict": change.verdict.value,
                "why": [item.reason for item in change.open_findings if item.old.value == "unknown"],
            }
            for change in planned.changes
        ],
    }


def _below(path: str, root: Path) -> str:
    try:
        return str(Path(path).relative_to(root))
    except ValueError:
        return Path(path).name


if __name__ == "__main__":
    main()
