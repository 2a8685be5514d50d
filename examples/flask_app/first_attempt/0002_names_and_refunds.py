"""First and last name, refunds, bigger totals: all at once, as one would write it first."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("customer", sa.Column("first_name", sa.String(40), nullable=False))
    op.add_column("customer", sa.Column("last_name", sa.String(40), nullable=False))
    op.execute(
        "UPDATE customer SET first_name = SUBSTRING_INDEX(name, ' ', 1), last_name = SUBSTRING_INDEX(name, ' ', -1)"
    )
    op.drop_column("customer", "name")
    op.alter_column("orders", "status", type_=sa.Enum("new", "paid", "sent", "refunded"), existing_type=sa.Enum())
    op.alter_column("customer", "newsletter", nullable=False, existing_type=sa.Boolean())
    op.create_index("ix_orders_placed_at", "orders", ["placed_at"])


def downgrade():
    raise NotImplementedError
