"""M12 unknown operation."""

from alembic import op

revision = "m12_unknown_operation"
down_revision = "m11_missing_module"


def upgrade():
    op.sync_enum_values("public", "kind", ["a"])
