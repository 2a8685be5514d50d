"""M11 missing module."""

import no_such_module_anywhere

revision = "m11_missing_module"
down_revision = "m10_x_argument"


def upgrade():
    no_such_module_anywhere.go()
