"""P00 guarded."""

import sqlalchemy as sa
from alembic import op

revision = "p00_guarded"
down_revision = None


def upgrade():
    inspector = sa.inspect(op.get_bind())
    if inspector.has_table("runs"):
        op.add_column("runs", sa.Column("a", sa.Integer))
