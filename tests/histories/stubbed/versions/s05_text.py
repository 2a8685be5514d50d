"""S05 text."""

from absent_app import constants
from alembic import op

revision = "s05_text"
down_revision = "s04_calls_helper"


def upgrade():
    op.execute(f"ALTER TABLE t ADD COLUMN {constants.NAME} INT")
