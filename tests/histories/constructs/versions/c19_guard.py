"""C19 guard."""

import sqlalchemy as sa
from alembic import op

revision = "c19_guard"
down_revision = "c18_batches"


def upgrade():
    bind = op.get_bind()
    if bind.execute(sa.text("SELECT name FROM users GROUP BY name HAVING COUNT(*) > 1")).first():
        raise RuntimeError("there are duplicates")
    op.create_unique_constraint("uq_users_name", "users", ["name"])
