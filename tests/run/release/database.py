"""A small history with all three sides of a deploy, and the manifests of the versions before and after."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from tests.run.applying import execute
from zdmigrate.manifest import manifest_of

_REVISION = """
import sqlalchemy as sa
from alembic import op

{comment}
revision = "{name}"
down_revision = {before}

def upgrade():
    {body}

def downgrade():
    pass
"""
_BODIES = {
    "r1": 'op.create_table("customer", sa.Column("id", sa.Integer, primary_key=True), '
    'sa.Column("name", sa.String(80), nullable=True))',
    "r2": 'op.add_column("customer", sa.Column("first_name", sa.String(40), nullable=True))',
    "r3": "op.execute(\"UPDATE customer SET first_name = SUBSTRING_INDEX(name, ' ', 1) WHERE first_name IS NULL\")",
    "r4": 'op.drop_column("customer", "name")',
}
#: Of the table, after each revision.
COLUMNS = {"r1": ["id", "name"], "r3": ["id", "name", "first_name"], "r4": ["id", "first_name"]}


def write_history(folder: Path) -> None:
    """alembic.ini and four revisions: the deployed one, then expand, migrate, contract."""
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    (folder / "migrations" / "env.py").write_text("")
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    before = "None"
    for name, body in _BODIES.items():
        comment = "# zdmigrate: phase contract" if name == "r4" else ""
        text = _REVISION.format(name=name, before=before, body=body, comment=comment)
        (versions / f"{name}.py").write_text(text)
        before = repr(name)


def add_revision(folder: Path) -> None:
    """One more, of the expand phase."""
    body = 'op.add_column("customer", sa.Column("nick", sa.String(40), nullable=True))'
    text = _REVISION.format(name="r5", before=repr("r4"), body=body, comment="")
    (folder / "migrations" / "versions" / "r5.py").write_text(text)


def write_manifests(folder: Path) -> None:
    """What versions 1 and 2 map."""
    for version, column in (("1", "name"), ("2", "first_name")):
        mapped = sa.MetaData()
        sa.Table("customer", mapped, sa.Column("id", sa.Integer, primary_key=True), sa.Column(column, sa.String(40)))
        made = manifest_of(mapped, version=version, heads=("r1" if version == "1" else "r3",))
        (folder / f"manifest-{version}.json").write_bytes(made.to_json())


def deploy_first(url: str) -> None:
    """The database as version 1 has it."""
    execute(
        url,
        "CREATE TABLE customer (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(80))",
        "INSERT INTO customer (name) VALUES ('Ada Lovelace'), ('Grace Hopper')",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('r1')",
    )


def columns(url: str) -> list[str]:
    """Of the table now."""
    found = execute(
        url,
        "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() "
        "AND table_name = 'customer' ORDER BY ordinal_position",
    )
    return [name for (name,) in found]
