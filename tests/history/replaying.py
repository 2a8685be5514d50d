"""Short ways for tests to replay the histories under tests/histories/, and to say what was recorded."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from zdmigrate.history.recording import RecordedHistory, RecordedRevision
from zdmigrate.history.replay import ReplayOptions, replay
from zdmigrate.history.scripts import Scripts

HISTORIES = Path(__file__).parent.parent / "histories"


def replayed(name: str, **options: Any) -> RecordedHistory:
    """One of our histories, replayed."""
    stub_imports = bool(options.get("stub_imports"))
    scripts = Scripts.load(HISTORIES / name / "alembic.ini", stub_imports=stub_imports)
    return replay(scripts, ReplayOptions(**options))


def revision(history: RecordedHistory, name: str) -> RecordedRevision:
    """A revision whose id begins with `name`."""
    return next(item for item in history.revisions if item.revision.startswith(name))


def sent(recorded: RecordedRevision) -> list[str]:
    """Its statements, blanks squeezed; `?` before those that depend on data, `!` before refused ones."""
    found = []
    for item in recorded.statements:
        mark = "!" if item.refusal else "?" if item.data_dependent else ""
        found.append(mark + " ".join(item.statement.sql.split()))
    return found


def write_history(folder: Path, *bodies: str, header: str = "") -> Path:
    """A linear history r0, r1, ... whose upgrade() functions have these bodies; returns its alembic.ini."""
    versions = folder / "versions"
    versions.mkdir(parents=True)
    for number, body in enumerate(bodies):
        down = f'"r{number - 1}"' if number else "None"
        code = textwrap.indent(textwrap.dedent(body).strip() or "pass", "    ")
        (versions / f"r{number}.py").write_text(
            f'"""Step {number}."""\nimport sqlalchemy as sa\nfrom alembic import op\n{textwrap.dedent(header)}\n'
            f'revision = "r{number}"\ndown_revision = {down}\n\ndef upgrade():\n{code}\n\ndef downgrade():\n    pass\n'
        )
    ini = folder / "alembic.ini"
    ini.write_text("[alembic]\nscript_location = %(here)s\n")
    return ini


def replay_of(folder: Path, *bodies: str, header: str = "", **options: Any) -> RecordedHistory:
    """A history of these upgrade() bodies, replayed."""
    return replay(Scripts.load(write_history(folder, *bodies, header=header)), ReplayOptions(**options))
