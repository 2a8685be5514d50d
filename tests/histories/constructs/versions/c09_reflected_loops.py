"""C09 reflected loops."""

import sqlalchemy as sa
from alembic import op

revision = "c09_reflected_loops"
down_revision = "c08_constant_loops"


def upgrade():
    inspector = sa.inspect(op.get_bind())
    for key in inspector.get_foreign_keys("orders"):
        op.drop_constraint(key["name"], "orders", type_="foreignkey")
        op.create_foreign_key("fk_orders_user", "orders", key["referred_table"], ["user_id"], ["id"])
