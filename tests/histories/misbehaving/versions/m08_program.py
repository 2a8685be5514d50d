"""M08 program."""

import subprocess

revision = "m08_program"
down_revision = "m07_socket"


def upgrade():
    subprocess.run(["mysql", "-e", "DROP TABLE t"], check=True)
