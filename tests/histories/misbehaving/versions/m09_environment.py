"""M09 environment."""

import os

import sqlalchemy as sa
from alembic import op

revision = "m09_environment"
down_revision = "m08_program"


def upgrade():
    op.add_column("t", sa.Column("d", sa.String(int(os.environ["ZD_NO_SUCH_VARIABLE"]))))
