"""C03 operation objects."""

import sqlalchemy as sa
from shop.migrating import AddColumn

revision = "c03_operation_objects"
down_revision = "c02_bare_names"


def upgrade():
    AddColumn("users", sa.Column("email", sa.String(100))).run()
    AddColumn("users", sa.Column("name", sa.String(100))).run()
