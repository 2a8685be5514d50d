"""M19 litter."""

import logging
import os
import sys
import time
import warnings

import sqlalchemy as sa
from alembic import op

revision = "m19_litter"
down_revision = "m18_stuck_on_rows"


def upgrade():
    os.chdir("/")
    os.environ["ZD_LITTER"] = "1"
    sys.path.append("/litter")
    logging.disable(logging.CRITICAL)
    print("to standard output")
    print("to standard error", file=sys.stderr)
    time.sleep(3600)
    warnings.warn("careless", DeprecationWarning, stacklevel=1)
    op.add_column("t", sa.Column("g", sa.Integer))
