"""C04 idempotent helpers."""

import sqlalchemy as sa
from alembic import op
from shop.migrating import create_index, has_table

revision = "c04_idempotent_helpers"
down_revision = "c03_operation_objects"


def upgrade():
    create_index("users", "ix_users_email", ["email"])
    create_index("users", "ix_users_email", ["email"])
    if not has_table("users"):
        op.create_table("users", sa.Column("id", sa.Integer))
