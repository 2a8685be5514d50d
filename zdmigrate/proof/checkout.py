"""The old version of an app: its files at a git commit, and an interpreter that has what it needs."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from zdmigrate.errors import UsageError
from zdmigrate.proof.workspace import end, spawn

#: Seconds git may take, and the installation of what the old version needs.
GIT_SECONDS = 120.0
INSTALL_SECONDS = 900.0
#: Lines of output that are kept for the report.
TAIL_LINES = 30


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code; None when it took too long.
        tail: the last lines it wrote.
    """

    code: int | None
    tail: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """The files of a commit under `home`, and where the command is to run in them.

    Attributes:
        folder: the same folder of the app as the one we were called in.
        programs: the folder of its interpreter's programs, which comes first on PATH.
    """

    home: Path
    folder: Path
    programs: Path

    def run(self, command: Sequence[str], *, seconds: float, variables: Mapping[str, str] | None = None) -> Ended:
        """Run a command of the old version; it and all it started is ended before this returns.

        Raises:
            UsageError: when there is no such program in its environment.
        """
        environment = self._environment(variables or {})
        log = self.home / "log"
        try:
            with log.open("wb") as file:
                process = spawn(self.home, command, log=file, folder=self.folder, environment=environment)
        except OSError as error:
            raise UsageError(f"{command[0]} cannot be started: {error.strerror}") from error
        code: int | None = None
        try:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(seconds)
        finally:
            end(process)
        if code == 127:  # the shell's answer for a program that is not there
            raise UsageError(
                f"`{command[0]}` is not in the old version's environment; install it with --old-install COMMAND, or "
                "name an interpreter that has it with --old-python"
            )
        return Ended(code, "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:]))

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Ours, with its interpreter in place of ours."""
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
        kept.pop("VIRTUAL_ENV", None)
        ours = str(Path(sys.executable).parent) if sys.prefix != sys.base_prefix else ""
        path = [item for item in kept.get("PATH", os.defpath).split(os.pathsep) if item != ours]
        return {**kept, "PATH": os.pathsep.join([str(self.programs), *path]), **variables}


def check_out(ref: str, home: Path, *, python: Path | None = None, install: str | None = None) -> Checkout:
    """The files of that commit in `home`, and an interpreter: `python`, or a virtual environment made there.

    The user's files, index and branches are not touched.

    Args:
        ref: anything git calls a commit.
        install: a command that fills the new environment; None means `pip install` of its requirements.txt and of
            itself, as far as it has them.

    Raises:
        UsageError: when git, the commit, the interpreter or the installation fails.
    """
    files = home / "files"
    files.mkdir()
    top = Path(_git("rev-parse", "--show-toplevel"))
    inside = _git("rev-parse", "--show-prefix")
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", missing=ref)
    index = {"GIT_INDEX_FILE": str(home / "index")}
    _git("-C", str(top), "read-tree", commit, variables=index)
    _git("-C", str(top), "checkout-index", "--all", f"--prefix={files}{os.sep}", variables=index)
    folder = files / inside if (files / inside).is_dir() else files
    if python is not None:
        named = python.expanduser().absolute()
        if not os.access(named, os.X_OK) or named.is_dir():
            raise UsageError(f"--old-python {python} is not a program; name an interpreter, e.g. .venv/bin/python")
        return Checkout(home, folder, named.parent)
    made = Checkout(home, folder, home / "venv" / "bin")
    _must_work(made, [sys.executable, "-m", "venv", str(home / "venv")], "a virtual environment cannot be made")
    for command in [shlex.split(install)] if install else _installs(folder):
        _must_work(made, command, f"`{shlex.join(command)}` failed for the old version")
    return made


def _installs(folder: Path) -> list[list[str]]:
    pip = ["python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    found = []
    if (folder / "requirements.txt").is_file():
        found.append([*pip, "--requirement", "requirements.txt"])
    if (folder / "setup.py").is_file() or _is_project(folder / "pyproject.toml"):
        found.append([*pip, "."])
    return found


def _is_project(path: Path) -> bool:
    """Whether a pyproject.toml describes something to install, and not only the settings of tools."""
    try:
        return bool({"project", "build-system"} & tomllib.loads(path.read_text(encoding="utf-8")).keys())
    except (OSError, ValueError):
        return False


def _must_work(made: Checkout, command: Sequence[str], otherwise: str) -> None:
    ended = made.run(command, seconds=INSTALL_SECONDS)
    if ended.code != 0:
        why = f"exit code {ended.code}" if ended.code is not None else f"no end within {INSTALL_SECONDS:.0f} s"
        raise UsageError(f"{otherwise} ({why}):\n{ended.tail}")


def _git(*arguments: str, variables: Mapping[str, str] | None = None, missing: str | None = None) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program, arguments never through a shell
            ["git", *arguments],  # noqa: S607 - the user's git
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            env={**os.environ, **(variables or {})},
            check=False,
        )
    except OSError as error:
        raise UsageError(f"git cannot be run ({error.strerror}), and --old-tests needs it") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"git took over {GIT_SECONDS:.0f} s") from error
    if done.returncode != 0:
        if missing is not None:
            raise UsageError(f"--old-ref {missing} is no commit of this repository")
        message = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise UsageError(f"the old version cannot be checked out: {message[0]}")
    return done.stdout.strip()
