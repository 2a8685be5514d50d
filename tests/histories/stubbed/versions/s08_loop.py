"""S08 loop."""

import absent_app
from alembic import op

revision = "s08_loop"
down_revision = "s07_decorated"


def upgrade():
    for table in absent_app.TABLES:
        op.drop_table(table)
