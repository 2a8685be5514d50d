"""Drop the old name, and tighten: when the last node of version 1 is gone (contract)."""

# zdmigrate: phase contract

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade():
    op.drop_column("customer", "name")
    op.alter_column("customer", "newsletter", existing_type=sa.Boolean(), nullable=False)


def downgrade():
    op.alter_column("customer", "newsletter", existing_type=sa.Boolean(), nullable=True)
    op.add_column("customer", sa.Column("name", sa.String(80), nullable=False, server_default=""))
    op.execute("UPDATE customer SET name = TRIM(CONCAT(first_name, ' ', last_name))")
