"""Fill first and last name from the old column (migrate)."""

from alembic import op

revision = "0003m"
down_revision = "0002e"


def upgrade():
    op.execute(
        "UPDATE customer SET first_name = SUBSTRING_INDEX(name, ' ', 1), last_name = SUBSTRING_INDEX(name, ' ', -1) "
        "WHERE first_name IS NULL"
    )


def downgrade():
    pass
