"""The Alembic code in remedies runs, and its expand steps do not break what they mean to save."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.dialects import mysql

from tests.verdict.rules.test_rules import DEFINITIONS
from tests.verdict.support import judged
from zdmigrate.verdict.judge import Judgement
from zdmigrate.verdict.model import Verdict


def rendered(code: str) -> str:
    """The SQL Alembic sends to MySQL for one `op` call."""
    buffer = io.StringIO()
    context = MigrationContext.configure(dialect_name="mysql", opts={"as_sql": True, "output_buffer": buffer})
    eval(code, {"op": Operations(context), "sa": sa, "mysql": mysql})
    return buffer.getvalue().strip()


def recipes(change: Judgement) -> Iterator[tuple[str, str]]:
    """(side of the deploy, code) for every complete `op` call in the remedies."""
    for item in change.findings:
        for line in item.remedy.splitlines():
            match = re.fullmatch(r"(?:\d+\. (\w+): )?.*?(op\.\w+\(.*\))(?:  #.*)?", line)
            if match is not None and "..." not in match[2]:
                yield match[1] or "", match[2]


@pytest.mark.parametrize("was", DEFINITIONS)
def test_recipes_run_and_their_expand_steps_are_not_unsafe(was: str) -> None:
    base = f"CREATE TABLE t (id INT PRIMARY KEY, z INT NOT NULL, a {was})"
    changes = [f"MODIFY a {now}" for now in DEFINITIONS]
    changes += [f"ADD b {was}", "DROP a", "RENAME COLUMN a TO b", "ALTER a DROP DEFAULT", "DROP a, ADD a TEXT"]
    seen: set[tuple[str, str]] = set()
    for action in changes:
        (change,) = judged(base, f"ALTER TABLE t {action}")
        seen.update(recipes(change))
    assert seen
    for side, code in sorted(seen):
        sql = rendered(code)
        assert sql.startswith(("ALTER TABLE", "CREATE", "DROP", "RENAME")), (code, sql)
        if side == "expand":
            for step in judged(base, sql):
                assert step.old is not Verdict.UNSAFE, (code, sql)
