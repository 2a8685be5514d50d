"""C11 through the connection."""

import sqlalchemy as sa
from alembic import op

revision = "c11_through_the_connection"
down_revision = "c10_try_except"


def upgrade():
    connection = op.get_bind()
    connection.execute(sa.text("ALTER TABLE users ADD COLUMN a INT; ALTER TABLE users ADD COLUMN b INT"))
    connection.execute(sa.text("UPDATE users SET a = :a WHERE b IS NULL"), {"a": 5})
    connection.exec_driver_sql("ALTER TABLE users DROP COLUMN b")
