"""C16 orm rows."""

import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy import orm

revision = "c16_orm_rows"
down_revision = "c15_update_reflected"


Base = orm.declarative_base()


class User(Base):
    __tablename__ = "users"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50))
    profile = sa.Column(sa.Text)


def upgrade():
    session = orm.Session(bind=op.get_bind())
    for user in session.query(User).all():
        profile = json.loads(user.profile)
        user.name = profile.get("name", "nobody")
    session.commit()
    op.create_index("ix_users_name", "users", ["name"])
