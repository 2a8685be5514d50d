"""The runs that a release made, read back from the reports they left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from zdmigrate.report import run_json
from zdmigrate.report.run_document import Part


def read_parts(folder: Path, began: datetime) -> tuple[Part, ...]:
    """Every part, in the order they began.

    Args:
        folder: has a folder for each phase, with the reports of what it ran. One that cannot be read is left out.
        began: when this run of the release did.
    """
    return tuple(sorted(_parts(folder, began), key=lambda part: part.start))


def _parts(folder: Path, began: datetime) -> Iterator[Part]:
    for path in folder.glob("*/*.json"):
        try:
            report = run_json.read(path.read_bytes())
            at = datetime.fromisoformat(report.run.began)
        except (OSError, ValueError, msgspec.MsgspecError):
            continue
        yield Part(path.parent.name, (at - began).total_seconds(), report)
