"""M18 stuck on rows."""

import sqlalchemy as sa
from alembic import op

revision = "m18_stuck_on_rows"
down_revision = "m17_argument"


def upgrade():
    op.add_column("t", sa.Column("f", sa.Integer))
    for row in op.get_bind().execute(sa.text("SELECT id FROM t")):
        settings = {7: "x"}[row.id]
        op.execute(f"UPDATE t SET f = '{settings}'")
