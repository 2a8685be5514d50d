"""Superset's defaults with our few settings on top."""

from superset.config import *  # noqa: F403, I001

from setups.superset_config import *  # noqa: F403
