"""S04 calls helper."""

from absent_app.helpers import create_index

revision = "s04_calls_helper"
down_revision = "s03_decides"


def upgrade():
    create_index("t", ["a"])
