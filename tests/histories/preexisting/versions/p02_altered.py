"""P02 altered."""

import sqlalchemy as sa
from alembic import op

revision = "p02_altered"
down_revision = "p01_created_unless_there"


def upgrade():
    op.add_column("events", sa.Column("b", sa.Integer))
    op.drop_column("events", "old")
