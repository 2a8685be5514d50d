"""C14 batch."""

import sqlalchemy as sa
from alembic import op

revision = "c14_batch"
down_revision = "c13_autocommit"


def upgrade():
    with op.batch_alter_table("users") as batch_op:
        batch_op.add_column(sa.Column("c", sa.Integer))
        batch_op.create_index("ix_users_c", ["c"])
        batch_op.drop_column("a")
