"""zdsession/chance.py."""

from __future__ import annotations

import random
import re
from pathlib import Path

import zdsession
import zdsession.chance

PACKAGE = Path(zdsession.__file__).parent


def test_the_numbers_of_the_random_module_are_left_to_the_app() -> None:
    before = random.getstate()
    assert 1 <= zdsession.chance.CHANCE.uniform(1, 2) <= 2
    assert random.getstate() == before
    taken = [path.name for path in PACKAGE.rglob("*.py") if re.search(r"\bimport random\b", path.read_text())]
    assert taken == ["chance.py"]
