"""C15 update reflected."""

import sqlalchemy as sa
from alembic import op

revision = "c15_update_reflected"
down_revision = "c14_batch"


def upgrade():
    bind = op.get_bind()
    op.add_column("orders", sa.Column("currency", sa.String(3)))
    orders = sa.Table("orders", sa.MetaData(), autoload_with=bind)
    op.execute(orders.update().where(orders.c.currency.is_(None)).values(currency="EUR"))
