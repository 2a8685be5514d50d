"""Superset's defaults with our few settings on top."""

from superset.config import *  # noqa: F403

from setups.superset_config import *  # noqa: F403
