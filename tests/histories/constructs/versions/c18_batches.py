"""C18 batches."""

import sqlalchemy as sa
from alembic import op

revision = "c18_batches"
down_revision = "c17_needs_a_row"


def upgrade():
    bind = op.get_bind()
    last = 0
    while True:
        rows = bind.execute(sa.text("SELECT id FROM users WHERE id > :last LIMIT 100"), {"last": last}).fetchall()
        if not rows:
            break
        bind.execute(sa.text("UPDATE users SET profile = '{}' WHERE id > :last LIMIT 100"), {"last": last})
        last += 100
    while bind.execute(sa.text("DELETE FROM orders WHERE total = 0 LIMIT 100")).rowcount:
        pass
