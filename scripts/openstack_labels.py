"""Compare our phases with the branch labels that OpenStack's developers gave their revisions, and write the page.

    make openstack-labels                                     # everything; the page goes to docs/openstack-labels.md
    python scripts/openstack_labels.py --environments DIR     # environments that exist, one folder for each app

Neutron, Keystone and Glance are installed with pip, each into an environment of its own under the user's cache. Who is
right where we disagree is written by hand in `tests/cases/openstack_labels.csv`; a disagreement without a line, and a
line without a disagreement, end the script with 1.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LABELS = ROOT / "tests" / "cases" / "openstack_labels.csv"
PAGE = ROOT / "docs" / "openstack-labels.md"
TARGET = "mysql:8.4"


@dataclass(frozen=True)
class App:
    """An app, the folder of its scripts below site-packages, and a module that configures it first."""

    name: str
    version: str
    scripts: str
    setup: str = ""


APPS = (
    App("neutron", "29.0.0", "neutron/db/migration/alembic_migrations"),
    App("keystone", "30.0.0", "keystone/common/sql/migrations", "scripts.real_histories.setups.keystone"),
    App("glance", "33.0.0", "glance/db/sqlalchemy/alembic_migrations"),
)


@dataclass(frozen=True)
class Compared:
    """One labelled revision beside our plan of it; `plan` is None when the wheel does not ship the file any more."""

    corpus: str
    file: str
    label: str
    right: str
    why: str
    plan: dict[str, Any] | None

    @property
    def agrees(self) -> bool:
        """Whether phase and verdict say what the label says."""
        if self.plan is None:
            return True
        phase, verdict = self.plan["phase"], self.plan["verdict"]
        if self.label == "CONTRACT":
            return phase in {"contract", "neutral"}
        return verdict in {"safe", "conditional"} and phase in {"expand", "neutral", "migrate"}

    @property
    def revision(self) -> str:
        """The file's name without its suffix."""
        return Path(self.file).stem


def _python(app: App, environments: Path, *, given: bool) -> Path:
    folder = environments / app.name
    python = folder / "bin" / "python"
    if (given and python.exists()) or (folder / ".ready").exists():
        return python
    print(f"{app.name}: installing {app.version}", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=True)
    own = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"{app.name}=={app.version}", *own], check=True)
    (folder / ".ready").touch()
    return python


def _plan(app: App, python: Path) -> list[dict[str, Any]]:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip())
    scripts = site / app.scripts
    folders = sorted({file.parent for file in (scripts / "versions").rglob("*.py") if file.name != "__init__.py"})
    command = [str(python), "-m", "zdmigrate", "plan", "--script-location", str(scripts), "--target", TARGET]
    for folder in folders:
        command += ["--version-location", str(folder)]
    if app.setup:
        command += ["--import", app.setup]
    with tempfile.TemporaryDirectory() as work:
        output = Path(work) / "plan.json"
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
        subprocess.run([*command, "--format", "json", "--output", str(output)], check=True, env=environment, cwd=work)
        revisions: list[dict[str, Any]] = json.loads(output.read_text(encoding="utf-8"))["revisions"]
    return revisions


def compare(plans: dict[str, list[dict[str, Any]]]) -> list[Compared]:
    """Every labelled revision with our plan of it, by the name of its file."""
    known = {(app, Path(item["path"]).name): item for app, items in plans.items() for item in items}
    with LABELS.open(encoding="utf-8", newline="") as file:
        return [
            Compared(**row, plan=known.get((row["corpus"], Path(row["file"]).name))) for row in csv.DictReader(file)
        ]


def page(compared: Sequence[Compared]) -> str:
    """The page: figures, and a line for every disagreement."""
    differ = [item for item in compared if not item.agrees]
    present = [item for item in compared if item.plan is not None]
    lines = [
        "# OpenStack's labels and ours",
        "",
        "Neutron, Keystone and Glance keep their revisions in an expand and a contract branch: a label a person gave",
        f"each of them. `make openstack-labels` judges the {len(compared)} labelled revisions with the app installed",
        f"(target `{TARGET}`, each revision as a release of its own) and writes this page.",
        "",
        "*Agreement*: for EXPAND, old code survives (`safe` or `conditional`) and our phase is expand, migrate or",
        "neutral; for CONTRACT, our phase is contract or neutral (an empty revision).",
        "",
        "| app | label | revisions | agree | differ | not in the wheel |",
        "|---|---|---|---|---|---|",
    ]
    for app in APPS:
        for label in ("EXPAND", "CONTRACT"):
            rows = [item for item in compared if (item.corpus, item.label) == (app.name, label)]
            there = [item for item in rows if item.plan is not None]
            agree = sum(item.agrees for item in there)
            name = f"{app.name} {app.version}"
            lines.append(
                f"| {name} | {label} | {len(rows)} | {agree} | {len(there) - agree} | {len(rows) - len(there)} |"
            )
    agree = len(present) - len(differ)
    sides = Counter(item.right for item in differ)
    missing = [f"`{item.revision}`" for item in compared if item.plan is None]
    lines += [
        f"| all | | {len(compared)} | {agree} | {len(differ)} | {len(missing)} |",
        "",
        f"Of the {len(differ)} disagreements the revision shows us right in {sides['ours']}, the label in",
        f"{sides['label']}, and both, by different questions, in {sides['both']}. A UNIQUE or NOT NULL in an expand",
        "branch is the usual one: Neutron's gate bans operations by name and allows these.",
        "",
        f"Not shipped any more: {', '.join(missing)}." if missing else "Every labelled file is in its wheel.",
        "",
        "## Every disagreement",
        "",
        "| revision | label | our phase, verdict | right | why |",
        "|---|---|---|---|---|",
    ]
    for item in differ:
        assert item.plan is not None
        said = f"{item.plan['phase']}, {item.plan['verdict']}"
        lines.append(f"| {item.corpus} `{item.revision}` | {item.label} | {said} | {item.right} | {item.why} |")
    return "\n".join(lines) + "\n"


def problems(compared: Iterable[Compared]) -> list[str]:
    """Disagreements nobody has written a line for, and lines that nothing needs any more."""
    found = []
    for item in compared:
        if not item.agrees and not item.why:
            found.append(f"{item.corpus} {item.revision}: differs from its label; say in {LABELS.name} who is right")
        elif item.agrees and item.why:
            found.append(f"{item.corpus} {item.revision}: agrees with its label; its line in {LABELS.name} can go")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description="Compare our phases with OpenStack's branch labels.")
    parser.add_argument("--environments", type=Path, help="environments that exist, one folder for each app")
    parser.add_argument("--no-write", action="store_true", help="print the page instead of writing it")
    options = parser.parse_args(arguments)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "zdrelease" / "openstack"
    given = options.environments is not None
    environments = (options.environments if given else cache).absolute()
    compared = compare({app.name: _plan(app, _python(app, environments, given=given)) for app in APPS})
    text = page(compared)
    if options.no_write:
        print(text)
    else:
        PAGE.write_text(text, encoding="utf-8")
    found = problems(compared)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
