"""C10 try except."""

import sqlalchemy as sa
from alembic import op

revision = "c10_try_except"
down_revision = "c09_reflected_loops"


def upgrade():
    try:
        op.add_column("users", sa.Column("nick", sa.String(20)))
    except Exception as error:
        print("already there:", error)
    try:
        op.drop_table("never_was")
    except sa.exc.DBAPIError:
        op.create_table("is_now", sa.Column("id", sa.Integer, primary_key=True))
    try:
        op.drop_index("ix_never", table_name="users")
    except (sa.exc.OperationalError, sa.exc.ProgrammingError) as error:
        if error.orig.args[0] != 1091:
            raise
