"""Contracts that read rows: what runs now has to allow them, as any contract, and again when a kill is gone on from."""

from __future__ import annotations

import pytest

from tests.apps import App
from tests.fleets import Fleets, mapping
from tests.run.applying import alembic, execute, killed_at, schema
from zdsession.fleet import Gone, State

CONTRACT = "# zdmigrate: phase contract"
OLD = mapping("1.0", users="id name nick?")
NEW = mapping("2.0", users="id name")
CREATE = (
    'op.create_table("users", sa.Column("id", sa.Integer, primary_key=True), '
    'sa.Column("name", sa.String(50), nullable=False), sa.Column("nick", sa.String(50)), '
    'sa.Column("alias", sa.String(50)))'
)
#: Takes the nicknames over row by row into a column that nobody maps, and then their own away.
LINES = (
    "bind = op.get_bind()",
    'rows = bind.execute(sa.text("SELECT id, nick FROM users WHERE nick IS NOT NULL ORDER BY id")).fetchall()',
    "for row in rows:",
    '    bind.execute(sa.text("UPDATE users SET alias = :alias WHERE id = :id"), {"alias": row.nick, "id": row.id})',
    'op.drop_column("users", "nick")',
)


@pytest.fixture
def begun(url: str, app: App) -> str:
    """Three users with nicknames, at aaaa1."""
    app.revision("aaaa1", CREATE)
    app.revision("bbbb2", *LINES, down="aaaa1", head=CONTRACT)
    alembic(app.folder, url, "upgrade", "aaaa1")
    execute(url, "INSERT INTO users (name, nick) VALUES ('Ana', 'a'), ('Bob', 'b'), ('Cia', 'c')")
    return url


def command(url: str, fleet: Fleets, *more: str) -> tuple[str, ...]:
    return (
        "apply", "--url", url, "--yes", "--phase", "contract", "--fleet", fleet.url, "--least-age", "0", *more,
    )  # fmt: skip


ACCEPT = ("--accept", "bbbb2", "--because", "the test says so")


def aliases(url: str) -> list[str | None]:
    return [alias for (alias,) in execute(url, "SELECT alias FROM users ORDER BY id")]


def test_it_waits_for_the_last_old_node_like_any_contract(begun: str, app: App, fleet: Fleets) -> None:
    fleet.runs("web1", NEW)
    fleet.runs("web2", OLD)
    before = schema(begun)
    early = app.run(*command(begun, fleet, *ACCEPT))
    assert early.code == 6, (early.out, early.err)
    assert "node web2 (version 1.0) maps users.nick" in early.err
    assert (schema(begun), aliases(begun), fleet.registry.barriers()) == (before, [None, None, None], [])
    fleet.ends("web2")
    late = app.run(*command(begun, fleet, *ACCEPT))
    assert late.code == 0, (late.out, late.err)
    assert aliases(begun) == ["a", "b", "c"]
    assert "nick" not in schema(begun)["users"]
    assert [barrier.gone for barrier in fleet.registry.barriers()] == [(Gone("users", "nick"),)]


def test_killed_in_its_loop_it_asks_the_fleet_again(begun: str, app: App, fleet: Fleets) -> None:
    """What it read and wrote itself before the kill is not taken for an app's that still needs the column."""
    fleet.runs("web1", NEW)
    tool = killed_at(app.folder, begun, "done:bbbb2:1", accept=("bbbb2",), fleet=fleet.url)
    out, err = tool.communicate(timeout=120)
    assert tool.returncode < 0, (out, err)
    assert aliases(begun) == ["a", "b", None]
    fleet.runs("web9", OLD, State.STARTING)
    refused = app.run(*command(begun, fleet))
    assert refused.code == 5, (refused.out, refused.err)
    assert "node web9 (version 1.0) maps users.nick" in refused.err
    assert "nick" in schema(begun)["users"]
    fleet.ends("web9")
    done = app.run(*command(begun, fleet))
    assert done.code == 0, (done.out, done.err)
    assert aliases(begun) == ["a", "b", "c"]
    assert "nick" not in schema(begun)["users"]


def test_that_its_statements_are_not_known_is_no_proof_of_its_contract(begun: str, app: App, fleet: Fleets) -> None:
    """What is accepted by the revision's name; the statement's own accepts that nobody proved it."""
    nobody = app.run("apply", "--url", begun, "--yes", *ACCEPT)
    assert nobody.code == 6, (nobody.out, nobody.err)
    assert "bbbb2:1 (ALTER TABLE users DROP COLUMN nick) is a contract that is not proved" in nobody.err
    fleet.runs("web2", OLD)
    known = app.run(*command(begun, fleet, "--accept", "bbbb2:1", *ACCEPT))
    assert known.code == 0, (known.out, known.err)
    assert "nick" not in schema(begun)["users"]
    assert [barrier.gone for barrier in fleet.registry.barriers()] == [(Gone("users", "nick"),)]
