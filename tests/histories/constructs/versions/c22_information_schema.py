"""C22 information schema."""

import sqlalchemy as sa
from alembic import op

revision = "c22_information_schema"
down_revision = "c21_dialects"


FOREIGN_KEYS = """
    SELECT constraint_name FROM information_schema.key_column_usage
    WHERE table_schema = DATABASE() AND table_name = 'orders' AND referenced_table_name IS NOT NULL
"""


def upgrade():
    bind = op.get_bind()
    for (name,) in bind.execute(sa.text(FOREIGN_KEYS)):
        op.execute(f"ALTER TABLE orders DROP FOREIGN KEY {name}")
    if not bind.execute(sa.text("SHOW INDEX FROM orders WHERE Key_name = 'ix_gone'")).fetchall():
        op.execute("ALTER TABLE orders ADD INDEX ix_user (user_id)")
    if bind.execute(sa.text("SHOW COLUMNS FROM users LIKE 'nick'")).first():
        op.execute("ALTER TABLE users DROP COLUMN nick")
