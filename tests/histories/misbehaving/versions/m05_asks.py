"""M05 asks."""

revision = "m05_asks"
down_revision = "m04_exits_hard"


def upgrade():
    input("sure? ")
