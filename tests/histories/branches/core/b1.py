"""Begin.

Revision ID: b1000000."""

import sqlalchemy as sa
from alembic import op

revision = "b1000000"
down_revision = None


def upgrade():
    op.create_table("t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("old", sa.Integer))
