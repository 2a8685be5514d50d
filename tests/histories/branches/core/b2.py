"""b2000000."""

import sqlalchemy as sa
from alembic import op

revision = "b2000000"
down_revision = "b1000000"
branch_labels = ("expand",)


def upgrade():
    op.add_column("t", sa.Column("new", sa.Integer))
