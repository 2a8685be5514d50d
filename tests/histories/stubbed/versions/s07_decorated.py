"""S07 decorated."""

import absent_app
from alembic import op

revision = "s07_decorated"
down_revision = "s06_parameter"


@absent_app.only_on("postgresql")
def change():
    op.drop_column("t", "a")


def upgrade():
    change()
