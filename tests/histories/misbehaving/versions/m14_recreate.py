"""M14 recreate."""

import sqlalchemy as sa
from alembic import op

revision = "m14_recreate"
down_revision = "m13_refused"


def upgrade():
    with op.batch_alter_table("t", recreate="always") as batch_op:
        batch_op.add_column(sa.Column("e", sa.Integer))
