"""Replay real Alembic histories three ways and say how well: as installed, with stand-ins, and against a server.

    make real-histories                                # everything; the table goes to docs/real-histories.md
    python scripts/real_histories.py keystone --work DIR --environments DIR --no-write

Each app is installed with pip into an environment of its own under the user's cache (gigabytes; removing it is
safe), nothing of it is committed. Needs the servers of `make servers`.

(a) installed: `plan` in the app's own interpreter, with whatever SQLAlchemy the app pins.
(b) `plan --stub-imports` in an environment with nothing but zdrelease: "unpacked", with the app's wheel unpacked on the
    path, none of its dependencies installed; and "bare", with nothing but the folder of its migration scripts.
(c) live: every upgrade() on a real, empty database; what the cursor is given is compared with what (a) recorded.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
import venv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HELPERS = Path(__file__).resolve().parent / "real_histories"
sys.path.insert(0, str(ROOT))

from scripts.real_histories.projects import PROJECTS, Project  # noqa: E402
from scripts.real_histories.report import Outcome, write_page  # noqa: E402

WAYS = ("installed", "unpacked", "bare", "live")
TARGETS = {"mysql": "mysql:9.7", "mariadb": "mariadb:10.11"}
#: Some revisions name the database they are in; a replay is in this one.
DATABASE = "zdmigrate"
#: A replay may take this long before it counts as hanging.
SECONDS = 900


class WorkError(Exception):
    """A step that could not be done, in a sentence."""


class Workspace:
    """Environments, copies of scripts, and results, below one folder."""

    def __init__(self, folder: Path, environments: Path | None) -> None:
        self.folder = folder
        self.environments = environments or folder / "environments"
        self.results = folder / "results"
        self.results.mkdir(parents=True, exist_ok=True)
        self._source = folder / "source"
        self._source.mkdir(exist_ok=True)
        packages = {"zdmigrate": ROOT / "zdmigrate", "zdsession": ROOT / "zdsession", "setups": HELPERS / "setups"}
        for name, package in packages.items():
            link = self._source / name
            link.unlink(missing_ok=True)
            link.symlink_to(package)

    def interpreter(self, project: Project) -> Path:
        """The Python of an environment that has the app; made when there is none."""
        return self._environment(project.name, [project.requirement, *project.extra])

    def bare(self) -> Path:
        """The Python of an environment that has only what zdrelease needs."""
        return self._environment("bare", [])

    def _environment(self, name: str, requirements: Sequence[str]) -> Path:
        folder = self.environments / name
        python = folder / "bin" / "python"
        if name == "bare":
            folder = self.folder / "environments" / name
            python = folder / "bin" / "python"
        elif python.exists() and self.environments != self.folder / "environments":
            return python
        if (folder / ".ready").exists():
            return python
        _say(f"{name}: installing {' '.join(requirements) or 'what zdrelease needs'}")
        venv.create(folder, with_pip=True, clear=True)
        own = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
        command = [str(python), "-m", "pip", "install", "--quiet", *requirements, *own]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise WorkError(f"pip could not install {name}: {_last_line(done.stderr)}")
        (folder / ".ready").touch()
        return python

    def site_packages(self, python: Path) -> Path:
        """Where that interpreter's packages are."""
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        return Path(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip())

    def copied(self, project: Project, site_packages: Path, *, whole: bool) -> Path:
        """A folder with what the app's wheel ships and nothing else; or with nothing but its migration scripts."""
        root = self.folder / ("wheels" if whole else "scripts") / project.name
        shutil.rmtree(root, ignore_errors=True)
        wanted = project.scripts.partition("/")[0] if whole else project.scripts
        ignored = shutil.ignore_patterns("__pycache__", "static", "ui", "node_modules", "js")
        shutil.copytree(site_packages / wanted, root / wanted, ignore=ignored)
        return root

    def run(self, python: Path, worker: str, job: dict[str, Any], name: str) -> str:
        """Run a worker in that interpreter.

        Raises:
            WorkError: when it ends otherwise than well.
        """
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "ZDMIGRATE_"))}
        environment["PYTHONHASHSEED"] = "0"  # some revisions loop over sets of names
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(self._source), job.get("path"))))
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        environment.update(HOME=str(home), AIRFLOW_HOME=str(home), DAGSTER_HOME=str(home), MLFLOW_TRACKING_URI="")
        environment.update(job.get("environment", {}))
        log = self.results / f"{name}.log"
        with log.open("w") as errors:
            done = subprocess.run(
                [python, HELPERS / f"{worker}.py"],
                input=json.dumps(job),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
                cwd=home,
                timeout=SECONDS,
                check=False,
            )
        if done.returncode != 0:
            raise WorkError(f"{name} ended with {done.returncode}: {_last_line(log.read_text())} (see {log})")
        (self.results / f"{name}.json").write_text(done.stdout)
        return done.stdout


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no output")


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def work(project: Project, workspace: Workspace, options: argparse.Namespace) -> Outcome:
    """All three ways for one project."""
    python = workspace.interpreter(project)
    site_packages = workspace.site_packages(python)
    outcome = Outcome(project.name, project.version, options.server)
    target = TARGETS[options.server]
    try:
        schema = _base(project, workspace, python, target)
        scripts, versions = project.locations(site_packages)
        job: dict[str, Any] = {
            "root": str(scripts),
            "scripts": str(scripts),
            "versions": [str(item) for item in versions],
            "target": target,
            "schema": schema,
            "imports": [f"setups.{project.setup}"] if project.setup else [],
            "stub_imports": False,
            "naming": project.naming,
            "environment": dict(project.environment),
        }
        own = f"{project.name}-{options.server}"
        if "installed" in options.ways:
            outcome.installed = json.loads(workspace.run(python, "replay_worker", job, f"{own}-installed"))
            _say(f"{project.name}: {outcome.summary('installed')}")
        for way in ("unpacked", "bare"):
            if way in options.ways:
                copied = workspace.copied(project, site_packages, whole=way == "unpacked")
                scripts, versions = project.locations(copied)
                stub = {**job, "root": str(scripts), "scripts": str(scripts), "versions": list(map(str, versions))}
                stub.update(stub_imports=True, imports=[], path=str(copied) if way == "unpacked" else "")
                made = workspace.run(workspace.bare(), "replay_worker", stub, f"{own}-{way}")
                setattr(outcome, way, json.loads(made))
                _say(f"{project.name}: {outcome.summary(way)}")
        if "live" in options.ways:
            outcome.live = _live(project, workspace, python, job, own, outcome)
            _say(f"{project.name}: {outcome.summary('live')}")
    except (WorkError, subprocess.TimeoutExpired) as error:
        outcome.failure = str(error)
        _say(f"{project.name}: {error}")
    return outcome


def _base(project: Project, workspace: Workspace, python: Path, target: str) -> str | None:
    if not project.metadata:
        return None
    name = f"{project.name}-{target.partition(':')[0]}-base"
    dump = workspace.run(python, "base_worker", {"metadata": project.metadata, "target": target}, name)
    path = workspace.results / f"{name}.sql"
    path.write_text(dump)
    return str(path)


def _live(
    project: Project, workspace: Workspace, python: Path, job: dict[str, Any], own: str, outcome: Outcome
) -> dict[str, Any]:
    import pymysql
    from sqlalchemy.engine import make_url

    from tests.servers import open_server

    kind = own.rpartition("-")[2]
    server = open_server(kind)  # type: ignore[arg-type]
    with closing(server):
        url = make_url(server.url())
        connection = pymysql.connect(host=url.host, port=url.port, user=url.username, password=url.password)
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
        order = [item["revision"] for item in outcome.installed["revisions"]] if outcome.installed else []
        live = {**job, "url": server.url(DATABASE), "metadata": project.metadata, "order": order}
        if project.url_variable:
            live["environment"] = {**job["environment"], project.url_variable: server.url(DATABASE)}
        found: dict[str, Any] = json.loads(workspace.run(python, "live_worker", live, f"{own}-live"))
        found["version"] = server.version
        return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, write the page; 1 when a figure misses what is asked of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [project.name for project in PROJECTS]
    parser.add_argument("projects", nargs="*", metavar="PROJECT", help=f"of {', '.join(names)} (default: all)")
    parser.add_argument("--work", type=Path, help="where environments and results go (default: the user's cache)")
    parser.add_argument("--environments", type=Path, help="environments that exist, one folder for each project")
    parser.add_argument("--server", choices=sorted(TARGETS), default="mysql")
    parser.add_argument("--ways", nargs="+", choices=WAYS)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--no-write", action="store_true", help="leave docs/real-histories.md as it is")
    options = parser.parse_args(arguments)
    options.ways = options.ways or list(WAYS)
    unknown = set(options.projects) - set(names)
    if unknown:
        parser.error(f"no such project: {', '.join(sorted(unknown))}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zdrelease" / "histories"
    workspace = Workspace((options.work or cache).resolve(), options.environments and options.environments.resolve())
    chosen = [project for project in PROJECTS if not options.projects or project.name in options.projects]
    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = list(pool.map(lambda project: work(project, workspace, options), chosen))
    for outcome in outcomes:
        print(outcome.text())
    if not options.no_write and len(outcomes) == len(PROJECTS) and len(options.ways) == len(WAYS):
        write_page(ROOT / "docs" / "real-histories.md", outcomes)
    return 1 if any(outcome.shortcomings() for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
