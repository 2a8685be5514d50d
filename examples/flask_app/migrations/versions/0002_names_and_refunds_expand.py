"""First and last name, refunds: what version 1 survives (expand)."""

import sqlalchemy as sa
from alembic import op

revision = "0002e"
down_revision = "0001"


def upgrade():
    op.add_column("customer", sa.Column("first_name", sa.String(40), nullable=True))
    op.add_column("customer", sa.Column("last_name", sa.String(40), nullable=True))
    op.alter_column(
        "orders",
        "status",
        type_=sa.Enum("new", "paid", "sent", "refunded"),
        existing_type=sa.Enum("new", "paid", "sent"),
        existing_nullable=False,
        existing_server_default="new",
    )
    # Version 2 stops writing the old column, so it needs a default before the deploy.
    op.alter_column("customer", "name", nullable=True, existing_type=sa.String(80))
    op.create_index("ix_orders_placed_at", "orders", ["placed_at"])


def downgrade():
    op.drop_index("ix_orders_placed_at", "orders")
    op.alter_column("customer", "name", nullable=False, existing_type=sa.String(80))
    op.drop_column("customer", "last_name")
    op.drop_column("customer", "first_name")
