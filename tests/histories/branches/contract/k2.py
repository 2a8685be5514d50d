"""k2000000."""

from alembic import op

revision = "k2000000"
down_revision = "k1000000"


def upgrade():
    op.execute("UPDATE t SET new = 0 WHERE new IS NULL")
