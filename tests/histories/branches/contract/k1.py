"""k1000000."""

from alembic import op

revision = "k1000000"
down_revision = "b1000000"
branch_labels = "contract"
depends_on = "b3000000"


def upgrade():
    op.drop_column("t", "old")
