"""S06 parameter."""

import sqlalchemy as sa
from absent_app import constants
from alembic import op

revision = "s06_parameter"
down_revision = "s05_text"


def upgrade():
    op.get_bind().execute(sa.text("UPDATE t SET a = :a"), {"a": constants.VALUE})
