"""Orders of a million and more, and an index: a rebuild of the largest table (expand).

MySQL and MariaDB copy the whole table to widen a DECIMAL, and nobody can write meanwhile. So this one is altered on the
replica first, which then becomes the primary.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade():
    op.alter_column(
        "orders",
        "total",
        existing_type=sa.Numeric(8, 2),
        type_=sa.Numeric(12, 2),
        existing_nullable=False,
    )
    op.create_index("ix_orders_placed_at", "orders", ["placed_at"])


def downgrade():
    op.drop_index("ix_orders_placed_at", "orders")
    op.alter_column(
        "orders",
        "total",
        existing_type=sa.Numeric(12, 2),
        type_=sa.Numeric(8, 2),
        existing_nullable=False,
    )
