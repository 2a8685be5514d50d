"""C08 constant loops."""

import sqlalchemy as sa
from alembic import op

revision = "c08_constant_loops"
down_revision = "c07_decorated"


TABLES = ("users", "orders")


def upgrade():
    for table in TABLES:
        op.add_column(table, sa.Column("tenant", sa.String(36)))
        op.create_index(f"ix_{table}_tenant", table, ["tenant"])
