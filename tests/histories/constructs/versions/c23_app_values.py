"""C23 app values."""

import sqlalchemy as sa
from alembic import op
from shop.migrating import NAME_LENGTH, Order

revision = "c23_app_values"
down_revision = "c22_information_schema"


def upgrade():
    op.add_column(Order.__tablename__, sa.Column("note", sa.String(NAME_LENGTH)))
