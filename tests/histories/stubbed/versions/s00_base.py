"""S00 base."""

import absent_logging
import sqlalchemy as sa
from alembic import op

revision = "s00_base"
down_revision = None


LOG = absent_logging.getLogger(__name__)


def upgrade():
    LOG.info("creating")
    op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))
