"""M17 argument."""

from alembic import op

revision = "m17_argument"
down_revision = "m16_no_upgrade"


def upgrade(registry):
    for name in registry.names:
        op.execute(f"DROP TABLE {name}")
