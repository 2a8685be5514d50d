"""C17 needs a row."""

import sqlalchemy as sa
from alembic import op

revision = "c17_needs_a_row"
down_revision = "c16_orm_rows"


def upgrade():
    bind = op.get_bind()
    first = bind.execute(sa.text("SELECT id FROM users ORDER BY id LIMIT 1")).scalar_one()
    op.execute(f"UPDATE orders SET user_id = {first} WHERE user_id IS NULL")
