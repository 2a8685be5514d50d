"""S01 unused base class."""

import sqlalchemy as sa
from absent_app.models import Base as AbsentBase
from alembic import op

revision = "s01_unused_base_class"
down_revision = "s00_base"

Base = object if AbsentBase is None else AbsentBase


class Thing(Base):
    id = sa.Column(sa.Integer, primary_key=True)


def upgrade():
    op.add_column("t", sa.Column("a", sa.Integer))
