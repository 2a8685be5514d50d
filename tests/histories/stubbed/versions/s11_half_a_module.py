"""S11 half a module."""

import half
import sqlalchemy as sa
from alembic import op

revision = "s11_half_a_module"
down_revision = "s10_optional_import"


def upgrade():
    op.add_column("t", sa.Column("c", sa.String(half.LENGTH)))
