"""Chance that spreads tries and nodes in time; nothing secret depends on it.

Not the numbers of the `random` module: an app, or a test that has to be repeatable, may have seeded those, and our
threads would take some away. The system's have no state that forked processes would share.
"""

from __future__ import annotations

import random

CHANCE = random.SystemRandom()
