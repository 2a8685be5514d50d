"""S02 column type."""

import sqlalchemy as sa
from absent_types import UUIDType
from alembic import op

revision = "s02_column_type"
down_revision = "s01_unused_base_class"


def upgrade():
    op.add_column("t", sa.Column("uuid", UUIDType(binary=True), nullable=False))
