"""C24 generated ids."""

import sqlalchemy as sa
from alembic import op

revision = "c24_generated_ids"
down_revision = "c23_app_values"


users = sa.table("users", sa.column("id"), sa.column("name"))


def upgrade():
    bind = op.get_bind()
    made = sa.Table("users", sa.MetaData(), autoload_with=bind)
    new_id = bind.execute(made.insert().values(name="system")).inserted_primary_key[0]
    op.execute(f"UPDATE orders SET user_id = {new_id}")
