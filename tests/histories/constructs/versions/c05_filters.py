"""C05 filters."""

import sqlalchemy as sa
from alembic import op

revision = "c05_filters"
down_revision = "c04_idempotent_helpers"


def upgrade():
    op.create_table("filters", sa.Column("id", sa.Integer, primary_key=True))


def downgrade():
    op.drop_table("filters")
