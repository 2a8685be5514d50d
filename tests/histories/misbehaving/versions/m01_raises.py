"""M01 raises."""

import sqlalchemy as sa
from alembic import op

revision = "m01_raises"
down_revision = "m00_base"


def upgrade():
    op.add_column("t", sa.Column("a", sa.Integer))
    raise ValueError("no")
