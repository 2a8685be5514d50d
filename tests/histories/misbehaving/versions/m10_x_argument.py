"""M10 x argument."""

from alembic import context, op

revision = "m10_x_argument"
down_revision = "m09_environment"


def upgrade():
    shard = context.get_x_argument(as_dictionary=True)["shard"]
    op.execute(f"ALTER TABLE t ADD COLUMN shard_{shard} INT")
