"""C02 bare names."""

import sqlalchemy as sa
from alembic import context
from alembic.op import add_column, drop_column

revision = "c02_bare_names"
down_revision = "c01_injected_op"


def upgrade():
    if context.get_context().dialect.name in ["oracle", "mysql", "postgresql"]:
        add_column("users", sa.Column("age", sa.Integer))
        drop_column("users", "age")
