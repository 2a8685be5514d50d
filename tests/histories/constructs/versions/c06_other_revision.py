"""C06 other revision."""

import importlib.util
import pathlib

revision = "c06_other_revision"
down_revision = "c05_filters"


def upgrade():
    here = pathlib.Path(__file__).parent
    spec = importlib.util.spec_from_file_location("other", here / "c05_filters.py")
    other = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(other)
    other.downgrade()
