"""b3000000."""

from alembic import op

revision = "b3000000"
down_revision = "b2000000"


def upgrade():
    op.create_index("ix_new", "t", ["new"])
