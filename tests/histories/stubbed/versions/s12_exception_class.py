"""S12 exception class."""

import sqlalchemy as sa
from absent_app.errors import AbsentError
from alembic import op

revision = "s12_exception_class"
down_revision = "s11_half_a_module"


def upgrade():
    try:
        op.add_column("t", sa.Column("d", sa.Integer))
    except AbsentError:
        print("it was there")
