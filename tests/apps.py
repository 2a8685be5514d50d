"""An app with an Alembic history in a temporary folder, and `zdmigrate` run on it as a person would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from zdmigrate.assemble import Request, assemble
from zdmigrate.cli import main
from zdmigrate.config import Settings
from zdmigrate.plan import Plan

#: upgrade() bodies that tests share.
CREATE_USERS = (
    'op.create_table("users", sa.Column("id", sa.Integer, primary_key=True), '
    'sa.Column("name", sa.String(50), nullable=False), sa.Column("nick", sa.String(50)))'
)
ADD_AGE = 'op.add_column("users", sa.Column("age", sa.Integer))'
DROP_NICK = 'op.drop_column("users", "nick")'
ADD_REQUIRED = 'op.add_column("users", sa.Column("qty", sa.Integer, nullable=False))'
ALLOW_NULL = 'op.alter_column("users", "name", existing_type=sa.String(50), nullable=True)'
BROKEN = 'raise RuntimeError("the weather is bad")'
PARSELESS = 'op.execute("FROBNICATE users WITH care")'

_REVISION = '''{head}"""{message}"""
from alembic import op
import sqlalchemy as sa

revision = {revision!r}
down_revision = {down!r}
{extra}


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
'''


@dataclass(frozen=True, slots=True)
class Result:
    """What a command ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, read as JSON."""
        return json.loads(self.out)


class App:
    """An app in `folder`, which is made the current directory; nothing of the caller's environment reaches it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.versions = folder / "migrations" / "versions"
        self.versions.mkdir(parents=True)
        self.settings("")
        monkeypatch.chdir(folder)
        for name in list(os.environ):
            if name.startswith(("ZDMIGRATE_", "GIT_")) or name == "ALEMBIC_CONFIG":
                monkeypatch.delenv(name)

    def settings(self, text: str) -> None:
        """Write alembic.ini with these lines in its [zdmigrate] section."""
        section = f"[zdmigrate]\n{text}\n" if text else ""
        (self.folder / "alembic.ini").write_text(f"[alembic]\nscript_location = migrations\n\n{section}")

    def revision(
        self,
        revision: str,
        *upgrade: str,
        down: str | tuple[str, ...] | None = None,
        downgrade: str = "pass",
        extra: str = "",
        head: str = "",
    ) -> Path:
        """Write a revision; `upgrade` are the lines of its upgrade()."""
        path = self.versions / f"{revision}_change.py"
        text = _REVISION.format(
            head=f"{head}\n" if head else "",
            message=f"revision {revision}",
            revision=revision,
            down=down,
            extra=extra,
            upgrade="\n    ".join(upgrade) or "pass",
            downgrade=downgrade,
        )
        path.write_text(text, encoding="utf-8")
        return path

    def users(self, *upgrade: str, **options: Any) -> Path:
        """Revision `aaaa1`, which creates `users`, and `bbbb2` after it with these lines; the latter's file."""
        self.revision("aaaa1", CREATE_USERS)
        return self.revision("bbbb2", *upgrade, down="aaaa1", **options)

    def run(self, *arguments: str, env: Mapping[str, str | None] | None = None) -> Result:
        """`zdmigrate` in this process."""
        result = CliRunner().invoke(main, list(arguments), prog_name="zdmigrate", env=env)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Result(result.exit_code, result.stdout, result.stderr)

    def check(self, *arguments: str) -> Result:
        """`zdmigrate check --from aaaa1 …`."""
        return self.run("check", "--from", "aaaa1", *arguments)

    def plan(self, *arguments: str) -> Any:
        """The document of `zdmigrate plan --format json …`."""
        result = self.run("plan", "--format", "json", *arguments)
        assert result.code == 0, result.err
        return result.json

    def made(self, from_: str | None = "aaaa1", **settings: Any) -> Plan:
        """The plan as a value."""
        return assemble(Request(Settings(config=Path("alembic.ini"), **settings), from_=from_))

    def process(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """`zdmigrate` in a process of its own, its output in pipes."""
        command = [sys.executable, "-m", "zdmigrate", *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def git(self, *arguments: str) -> str:
        """A git command in the app's folder."""
        identity = ("-c", "user.name=Ana", "-c", "user.email=ana@example.com", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, tag: str) -> None:
        """Commit everything and tag it."""
        if not (self.folder / ".git").exists():
            self.git("init", "-q", "-b", "main")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", tag)
        self.git("tag", tag)


def assert_one_sentence(result: Result, *words: str, code: int = 2) -> None:
    """It ended with that code and one clear line on standard error, which holds these words."""
    assert result.code == code, (result.code, result.out, result.err)
    assert result.out == ""
    lines = result.err.splitlines()
    assert len(lines) == 1, result.err
    assert lines[0].startswith("zdmigrate: ")
    assert "Traceback" not in result.err
    for word in words:
        assert word in lines[0], (word, lines[0])
