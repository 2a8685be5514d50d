"""M02 never ends."""

import sqlalchemy as sa
from alembic import op

revision = "m02_never_ends"
down_revision = "m01_raises"


def upgrade():
    op.add_column("t", sa.Column("b", sa.Integer))
    while True:
        try:
            while True:
                pass
        except Exception:
            pass
