"""S09 length."""

import absent_app
import sqlalchemy as sa
from alembic import op

revision = "s09_length"
down_revision = "s08_loop"


def upgrade():
    op.add_column("t", sa.Column("name", sa.String(absent_app.LENGTH)))
