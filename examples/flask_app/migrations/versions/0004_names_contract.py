"""Drop the old name column and tighten, once no node of version 1 is left (contract)."""

# zdmigrate: phase contract

import sqlalchemy as sa
from alembic import op

revision = "0004c"
down_revision = "0003m"


def upgrade():
    op.drop_column("customer", "name")
    op.alter_column("customer", "newsletter", nullable=False, existing_type=sa.Boolean())


def downgrade():
    op.alter_column("customer", "newsletter", nullable=True, existing_type=sa.Boolean())
    op.add_column("customer", sa.Column("name", sa.String(80), nullable=True))
