"""We against the server: generated schemas and changes, judged and run. What we call safe must not break old code."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.proof.cases import Generated, cases
from tests.proof.support import Case, Unbuildable, run_case, scratch_on
from tests.servers import Server
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.model import Verdict

MYSQL, MARIADB = Flavour.parse("mysql:9.7"), Flavour.parse("mariadb:10.11")
