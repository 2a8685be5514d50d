"""M06 second engine."""

import sqlalchemy as sa
from alembic import op

revision = "m06_second_engine"
down_revision = "m05_asks"


def upgrade():
    try:
        with sa.create_engine("mysql+pymysql://root@db.example.com/app").connect() as other:
            other.execute(sa.text("SELECT 1"))
    except Exception:
        pass
    op.add_column("t", sa.Column("c", sa.Integer))
