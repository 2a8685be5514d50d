"""C25 session settings."""

from alembic import op

revision = "c25_session_settings"
down_revision = "c24_generated_ids"


def upgrade():
    op.execute("SET @old = @@foreign_key_checks, foreign_key_checks = 0")
    op.execute("SET SESSION sql_mode = REPLACE(@@sql_mode, 'NO_ZERO_DATE', '')")
    op.execute("ALTER TABLE orders ADD COLUMN z INT")
    op.execute("SET foreign_key_checks = @old")
    op.execute("ALTER TABLE orders ADD COLUMN y INT")
