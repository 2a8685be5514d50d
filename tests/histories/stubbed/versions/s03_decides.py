"""S03 decides."""

from absent_app import settings
from alembic import op

revision = "s03_decides"
down_revision = "s02_column_type"


def upgrade():
    if settings.FEATURE:
        op.drop_table("t")
