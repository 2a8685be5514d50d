"""m1000000."""

from alembic import op

revision = "m1000000"
down_revision = ("b3000000", "k2000000")
# zdmigrate: phase contract


def upgrade():
    op.drop_index("ix_new", table_name="t")
