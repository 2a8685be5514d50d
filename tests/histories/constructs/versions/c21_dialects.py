"""C21 dialects."""

from alembic import op

revision = "c21_dialects"
down_revision = "c20_counts"


def upgrade():
    name = op.get_bind().dialect.name
    if name == "postgresql":
        op.execute("CREATE EXTENSION pgcrypto")
    elif name == "mysql":
        op.execute("ALTER TABLE users CONVERT TO CHARACTER SET utf8mb4")
    else:
        op.drop_table("users")
