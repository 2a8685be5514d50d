"""C13 autocommit."""

from alembic import op

revision = "c13_autocommit"
down_revision = "c12_metadata_create"


def upgrade():
    with op.get_context().autocommit_block():
        op.create_index("ix_orders_total", "orders", ["total"])
    op.get_bind().commit()
    op.execute("UPDATE orders SET total = 0 WHERE total < 0")
