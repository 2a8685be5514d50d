"""M04 exits hard."""

import os

revision = "m04_exits_hard"
down_revision = "m03_exits"


def upgrade():
    os._exit(3)
