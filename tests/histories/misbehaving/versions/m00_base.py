"""M00 base."""

import sqlalchemy as sa
from alembic import op

revision = "m00_base"
down_revision = None


def upgrade():
    op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))
