"""The shop as version 1 knows it."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.create_table(
        "customer",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(120), nullable=False, unique=True),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("newsletter", sa.Boolean, nullable=True),
        sa.Column("is_admin", sa.Boolean, nullable=False, server_default=sa.text("0")),
    )
    op.create_table(
        "product",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sku", sa.String(20), nullable=False, unique=True),
        sa.Column("title", sa.String(80), nullable=False),
        sa.Column("price", sa.Numeric(8, 2), nullable=False),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("order_key", sa.String(36), nullable=False, unique=True),
        sa.Column("customer_id", sa.Integer, sa.ForeignKey("customer.id"), nullable=False),
        sa.Column("status", sa.Enum("new", "paid", "sent"), nullable=False, server_default="new"),
        sa.Column("total", sa.Numeric(8, 2), nullable=False),
        sa.Column("address", sa.String(200), nullable=False),
        sa.Column("payment", sa.String(20), nullable=False),
        sa.Column("placed_at", sa.DateTime, nullable=False, server_default=sa.func.now()),
    )
    op.create_table(
        "order_line",
        sa.Column("order_id", sa.Integer, sa.ForeignKey("orders.id"), primary_key=True),
        sa.Column("product_id", sa.Integer, sa.ForeignKey("product.id"), primary_key=True),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("price", sa.Numeric(8, 2), nullable=False),
    )


def downgrade():
    for table in ("order_line", "orders", "product", "customer"):
        op.drop_table(table)
