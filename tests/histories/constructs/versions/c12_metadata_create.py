"""C12 metadata create."""

import sqlalchemy as sa
from alembic import op

revision = "c12_metadata_create"
down_revision = "c11_through_the_connection"


metadata = sa.MetaData()
tags = sa.Table("tags", metadata, sa.Column("id", sa.Integer, primary_key=True))
users = sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))


def upgrade():
    bind = op.get_bind()
    metadata.create_all(bind)
    sa.Table("labels", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True)).create(bind)
    sa.Enum("a", "b", name="kinds").create(bind, checkfirst=True)
