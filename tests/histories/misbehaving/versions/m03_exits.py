"""M03 exits."""

import sys

revision = "m03_exits"
down_revision = "m02_never_ends"


def upgrade():
    sys.exit(3)
