"""C07 decorated."""

import sqlalchemy as sa
from alembic import context, op
from shop.migrating import raise_if_offline

revision = "c07_decorated"
down_revision = "c06_other_revision"


@raise_if_offline
def widen():
    op.alter_column("users", "nick", type_=sa.String(40), existing_type=sa.String(20), existing_nullable=True)


def upgrade():
    if context.is_offline_mode():
        raise Exception("This upgrade is only possible in online mode")
    widen()
