"""M13 refused."""

import sqlalchemy as sa
from alembic import op

revision = "m13_refused"
down_revision = "m12_unknown_operation"


def upgrade():
    op.add_column("t", sa.Column("a", sa.Integer))
