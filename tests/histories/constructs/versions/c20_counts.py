"""C20 counts."""

import sqlalchemy as sa
from alembic import op

revision = "c20_counts"
down_revision = "c19_guard"


def upgrade():
    bind = op.get_bind()
    if bind.execute(sa.text("SELECT COUNT(*) FROM users")).scalar() == 0:
        op.drop_column("users", "c")
    else:
        op.alter_column("users", "c", type_=sa.BigInteger, existing_type=sa.Integer)
