"""First and last name, refunds: before the first node of version 2 (expand).

While both versions run, each reads the customers that the other one adds: the default makes the old name for version 1,
and version 2 looks there while the new ones are NULL (shop/bridge.py).
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("customer", sa.Column("first_name", sa.String(80), nullable=True))
    op.add_column("customer", sa.Column("last_name", sa.String(80), nullable=True))
    op.alter_column(
        "customer",
        "name",
        existing_type=sa.String(80),
        existing_nullable=False,
        server_default=sa.text("(CONCAT(first_name, ' ', last_name))"),
    )
    op.alter_column(
        "orders",
        "status",
        existing_type=sa.Enum("new", "paid", "sent"),
        type_=sa.Enum("new", "paid", "sent", "refunded"),
        existing_nullable=False,
        existing_server_default="new",
    )


def downgrade():
    op.alter_column(
        "orders",
        "status",
        existing_type=sa.Enum("new", "paid", "sent", "refunded"),
        type_=sa.Enum("new", "paid", "sent"),
        existing_nullable=False,
        existing_server_default="new",
    )
    op.alter_column("customer", "name", existing_type=sa.String(80), existing_nullable=False, server_default=None)
    op.drop_column("customer", "last_name")
    op.drop_column("customer", "first_name")
