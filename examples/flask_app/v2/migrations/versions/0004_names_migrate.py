"""First and last name of the customers there were before, and an answer where there was none (migrate).

After the last node of version 1 is gone: it leaves `newsletter` open.
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade():
    op.execute("UPDATE customer SET first_name = SUBSTRING_INDEX(name, ' ', 1) WHERE first_name IS NULL")
    op.execute(
        "UPDATE customer SET last_name = SUBSTRING(name, CHAR_LENGTH(SUBSTRING_INDEX(name, ' ', 1)) + 2) "
        "WHERE last_name IS NULL"
    )
    op.execute("UPDATE customer SET newsletter = 0 WHERE newsletter IS NULL")


def downgrade():
    pass
