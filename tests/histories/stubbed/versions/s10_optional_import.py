"""S10 optional import."""

import sqlalchemy as sa
from alembic import op
from tolerant import BACKEND

assert BACKEND == "plain"

revision = "s10_optional_import"
down_revision = "s09_length"


def upgrade():
    op.add_column("t", sa.Column("b", sa.Integer))
