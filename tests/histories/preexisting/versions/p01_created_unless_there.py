"""P01 created unless there."""

import sqlalchemy as sa
from alembic import op

revision = "p01_created_unless_there"
down_revision = "p00_guarded"


def upgrade():
    if not sa.inspect(op.get_bind()).has_table("kvs"):
        op.create_table("kvs", sa.Column("id", sa.Integer, primary_key=True))
