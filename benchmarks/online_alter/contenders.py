"""The four ways to make the same change, and where their programs are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from benchmarks.online_alter.figures import steps_in
from benchmarks.online_alter.shop import CHANGE, CREATE, DATABASE, TABLE, Shop
from zdmigrate import __version__

_LAST_LINES = 15


@dataclass(frozen=True)
class Command:
    """What is run for one contender. No password stands in it: they are in `environment`, or in files of mode 600."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class FailedError(Exception):
    """A contender's command ended with another code than 0, or not in time."""


class Contender(ABC):
    """One way to make the change.

    Attributes:
        name: the heading of its column.
        variable: environment variable with the path of its program; empty when it needs none.
        program: its program's name on PATH.
    """

    name: str
    variable = ""
    program = ""

    @abstractmethod
    def prepare(self, shop: Shop, folder: Path) -> Command:
        """Write what its command needs into an empty folder of its own, and say the command."""

    def path(self) -> str | None:
        """Its program: the one the environment names, else the one on PATH; None when that cannot be run."""
        found = shutil.which(os.environ.get(self.variable) or self.program)
        return os.path.abspath(found) if found else None

    def is_missing(self) -> str:
        """Why it cannot run here, empty when it can."""
        if self.path() is not None:
            return ""
        if named := os.environ.get(self.variable):
            return f"{named}, which {self.variable} names, cannot be run"
        return f"no {self.program} on PATH, and {self.variable} is not set"

    def version(self) -> str:
        """What its program says it is."""
        path = self.path()
        assert path is not None, self.name
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60, check=False)
        return version_in(done.stdout + done.stderr)

    def note(self, folder: Path) -> str:
        """What it left in its folder about how it went; empty for nothing."""
        return ""


class Plain(Contender):
    """What hurts: the ALTER as it is, which the replica gets when the primary is done."""

    name = "plain ALTER"
    _SEND = (
        "import os, pymysql\n"
        "c = pymysql.connect(host='127.0.0.1', port=int(os.environ['BENCH_PORT']), user=os.environ['BENCH_USER'], "
        "password=os.environ['BENCH_PASSWORD'], database=os.environ['BENCH_DATABASE'])\n"
        "c.cursor().execute(os.environ['BENCH_SQL'])\n"
    )

    def prepare(self, shop: Shop, folder: Path) -> Command:
        url = shop.tool[0]
        return Command(
            [sys.executable, "-c", self._SEND],
            {
                "BENCH_PORT": str(url.port),
                "BENCH_USER": str(url.username),
                "BENCH_PASSWORD": str(url.password),
                "BENCH_DATABASE": DATABASE,
                "BENCH_SQL": f"ALTER TABLE {TABLE} {CHANGE}, ALGORITHM=COPY, LOCK=SHARED",
            },
        )

    def is_missing(self) -> str:
        return ""

    def version(self) -> str:
        return "ALGORITHM=COPY"


class ReplicaFirst(Contender):
    """Ours: the replica, a switchover, then the old primary."""

    name = "zdmigrate apply"

    def prepare(self, shop: Shop, folder: Path) -> Command:
        versions = folder / "migrations" / "versions"
        write_revision(versions, "0001", None, f"op.execute({CREATE!r})")
        write_revision(versions, "0002", "0001", _OP)
        (folder / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
        (folder / "migrations" / "env.py").write_text("")
        _stamp(shop, "0001")
        environment = {"XDG_STATE_HOME": str(folder)}
        lines = []
        for node in shop.pair.nodes:
            url, variable = make_url(node.url()), f"BENCH_{node.name.upper()}"
            environment[variable] = str(url.password)
            lines += [
                "[[node]]",
                f'name = "{node.name}"',
                f'url = "mysql+pymysql://{url.username}:${{{variable}}}@{url.host}:{url.port}/{DATABASE}"',
                f'replication_host = "{node.replication_host}"',
                f"replication_port = {node.replication_port}",
            ]
        first = shop.pair.primary
        environment["BENCH_REPLICATION"] = first.replication_password
        lines += ["[replication]", f'user = "{first.replication_user}"', 'password = "${BENCH_REPLICATION}"']
        (folder / "topology.toml").write_text("\n".join(lines))
        return Command(
            [
                sys.executable, "-m", "zdmigrate", "apply", "--topology", "topology.toml", "--yes",
                "--report", "reports", "--strategy", "replica-first",
                "--accept", "no-standby", "--accept", "0002:0", "--because", "two nodes; the app reads any integer",
            ],
            environment,
        )  # fmt: skip

    def is_missing(self) -> str:
        return ""

    def version(self) -> str:
        return __version__

    def note(self, folder: Path) -> str:
        reports = sorted((folder / "reports").glob("*.json"))
        return steps_in(json.loads(reports[-1].read_text())) if reports else ""


class PtOnlineSchemaChange(Contender):
    """Triggers and chunks. With its defaults: chunks of half a second, waits while a replica is over 1 s behind."""

    name = "pt-online-schema-change"
    variable = "PT_ONLINE_SCHEMA_CHANGE"
    program = "pt-online-schema-change"

    def prepare(self, shop: Shop, folder: Path) -> Command:
        url = shop.tool[0]
        account = write_account(folder / "pt.cnf", url, host=True)
        return Command(
            [
                str(self.path()), "--alter", CHANGE, "--execute", "--no-version-check", "--recursion-method", "hosts",
                f"F={account},h={url.host},P={url.port},D={DATABASE},t={TABLE}",
            ]
        )  # fmt: skip


class GhOst(Contender):
    """The binary log of the replica, copied rows by chunks. With its defaults: waits while it is over 1.5 s behind."""

    name = "gh-ost"
    variable = "GH_OST"
    program = "gh-ost"

    def prepare(self, shop: Shop, folder: Path) -> Command:
        primary, replica = shop.tool
        account = write_account(folder / "gh-ost.cnf", replica, host=False)
        return Command(
            [
                str(self.path()), f"--conf={account}", f"--host={replica.host}", f"--port={replica.port}",
                f"--assume-master-host={primary.host}:{primary.port}", f"--database={DATABASE}", f"--table={TABLE}",
                f"--alter={CHANGE}", "--assume-rbr", "--ok-to-drop-table", "--execute",
                f"--serve-socket-file={folder / 'gh-ost.sock'}",
                f"--throttle-additional-flag-file={folder / 'throttle'}",
            ]
        )  # fmt: skip


CONTENDERS: tuple[Contender, ...] = (Plain(), ReplicaFirst(), PtOnlineSchemaChange(), GhOst())

_OP = 'op.alter_column("orders", "amount", existing_type=sa.Integer, type_=sa.BigInteger, existing_nullable=False)'


def run(command: Command, folder: Path, seconds: float) -> None:
    """Run it in that folder, its output in `said.txt` there.

    Raises:
        FailedError: it ended with another code than 0, or not within these seconds; with its last lines.
    """
    said = folder / "said.txt"
    with said.open("w") as output:
        process = subprocess.Popen(
            command.words, cwd=folder, env={**_clean(os.environ), **command.environment}, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            code: int | None = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if code != 0:
        lines = said.read_text(errors="replace").strip().splitlines()[-_LAST_LINES:]
        how = f"had not ended after {seconds:.0f} s" if code is None else f"ended with code {code}"
        raise FailedError("\n".join([how, *lines]))


def version_in(said: str) -> str:
    """The version in what a program says of itself; its first line when there is none in it, `unknown` for no line."""
    if found := re.search(r"\d+(\.\d+)+", said):
        return found[0]
    return said.strip().splitlines()[0] if said.strip() else "unknown"


def write_account(path: Path, url: URL, *, host: bool) -> Path:
    """An option file with an account that only we may read."""
    lines = ["[client]", f"user={url.username}", f"password={url.password}"]
    if host:
        lines += [f"host={url.host}", f"port={url.port}"]
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")
    return path


def write_revision(folder: Path, revision: str, down: str | None, body: str) -> None:
    """A revision of an Alembic history."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{revision}.py").write_text(
        f'"""{revision}"""\nfrom alembic import op\nimport sqlalchemy as sa\n\n'
        f"revision = {revision!r}\ndown_revision = {down!r}\n\n\n"
        f"def upgrade():\n    {body}\n\n\ndef downgrade():\n    pass\n"
    )


def _stamp(shop: Shop, revision: str) -> None:
    """Say in the database that the history is there, as Alembic does."""
    primary = shop.pair.primary
    primary.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)", database=DATABASE)
    primary.execute("INSERT INTO alembic_version VALUES (%s)", revision, database=DATABASE)


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what would configure zdmigrate or Alembic otherwise."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("ZDMIGRATE_") and name != "ALEMBIC_CONFIG"
    }
