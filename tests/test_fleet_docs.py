"""The commands of `docs/fleet.md` about contracts and rollbacks, run as they are written; only the places are ours."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from tests.apps import DROP_NICK, App
from tests.fleets import Fleets
from tests.run.applying import execute
from zdmigrate.cli import main as zdmigrate
from zdmigrate.manifest import manifest_of
from zdsession.cli import main as zdsession
from zdsession.fleet import Barrier, Gone
from zdsession.manifest import Manifest

ROOT = Path(__file__).parents[1]
PAGE = ROOT.joinpath("docs/fleet.md").read_text()
COMMANDS = re.findall(r"^\$ (zd(?:migrate|session) .*)$", PAGE.partition("## May a contract run?")[2], re.MULTILINE)


def models(version: str, *more: str) -> Manifest:
    """Code that maps `users`, with these columns besides."""
    columns = [sa.Column(name, sa.String(50)) for name in more]
    key, name = sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(50), nullable=False)
    metadata = sa.MetaData()
    sa.Table("users", metadata, key, name, *columns)
    return manifest_of(metadata, version=version, heads=("aaaa1",))


@pytest.fixture
def fleet(redis_url: str) -> Iterator[Fleets]:
    made = Fleets(redis_url)
    yield made
    made.close()


def test_the_commands_run_as_written(
    mysql_url: str, fleet: Fleets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = App(tmp_path / "app", monkeypatch)
    app.users(DROP_NICK, head="# zdmigrate: phase contract")
    app.settings("least_age = 0")
    execute(mysql_url, "CREATE TABLE users (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50) NOT NULL)")
    places = {"redis://localhost:6379/0": fleet.url, "mysql+pymysql://reader@localhost/shop": mysql_url}
    monkeypatch.setenv("ZDSESSION_STORE", fleet.url)
    fleet.runs("web1", models("2.0"))
    fleet.runs("web2", models("1.0", "nick"))
    fleet.registry.raise_barrier(Barrier("bbbb2", (Gone("users", "nick"),), 0))
    found = {}
    assert len(COMMANDS) == 4
    for line in COMMANDS:
        program, *arguments = [places.get(word, word) for word in shlex.split(line)]
        command = zdmigrate if program == "zdmigrate" else zdsession
        result = CliRunner().invoke(command, arguments, prog_name=program)
        found[line.partition(" --")[0]] = (result.exit_code, result.output)
    assert found["zdmigrate check"][0] == 1
    quoted = re.search(r"^now: (.*) \(manifest", PAGE, re.MULTILINE)
    assert quoted is not None
    assert quoted[1] in found["zdmigrate check"][1]
    assert "users.nick" in found["zdsession barriers"][1] or "lifted bbbb2" in found["zdsession barriers"][1]
    assert fleet.registry.barriers() == []
    assert found["zdmigrate can-rollback 1.0"] == (1, found["zdmigrate can-rollback 1.0"][1])
    assert "users.nick: the column is gone" in found["zdmigrate can-rollback 1.0"][1]


def test_every_option_is_on_the_page() -> None:
    for option in ("--fleet", "--expect-nodes", "--least-age"):
        assert option in PAGE
        assert option in ROOT.joinpath("docs/migrations.md").read_text()
    for command in (zdmigrate.commands["can-rollback"],):
        for parameter in command.params:
            longest = max(parameter.opts, key=len)
            assert longest in PAGE or longest in ("--config", "version"), longest
