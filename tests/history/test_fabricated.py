"""Made-up rows that let a revision go on as it would with real ones."""

from __future__ import annotations

from pathlib import Path

from tests.history.replaying import replay_of
from zdmigrate.history.recorder.fabricated import Fabrication

TABLE = 'op.execute("CREATE TABLE t (id INT PRIMARY KEY, params TEXT, sqlalchemy_uri VARCHAR(99) NOT NULL, n INT)")'
ROWS = 'for row in op.get_bind().execute(sa.text("SELECT id, params, sqlalchemy_uri FROM t")).fetchall():'


def test_a_loop_over_batches_ends() -> None:
    rows = Fabrication(rows=True)
    assert not all(rows.give("SELECT id FROM t LIMIT 10") for _ in range(100))
    assert not all(rows.give(f"SELECT id FROM t WHERE id > {number} LIMIT 10") for number in range(100))


def test_the_same_lookup_for_many_names_finds_its_row_each_time() -> None:
    rows = Fabrication(rows=True)
    assert all(rows.give("SELECT id FROM t WHERE name = 'admin'") for _ in range(10))
    assert all(rows.give(f"SELECT id FROM t WHERE name = '{chr(97 + number)}'") for number in range(26))


def test_json_gets_the_members_a_revision_asks_for(tmp_path: Path) -> None:
    code = f"""
import json
{ROWS}
    found = json.loads(row[1])
    for item in found["filters"]:
        item["name"]
    op.execute(sa.text("UPDATE t SET n = 5 WHERE id = :id").bindparams(id=row[0] + len(found["range"])))
"""
    recorded = replay_of(tmp_path, TABLE, code).revisions[1]
    assert recorded.error is None
    assert recorded.data_dependent
    assert [item.data_dependent for item in recorded.statements] == [True]


def test_what_no_json_helps_stays_unknown(tmp_path: Path) -> None:
    recorded = replay_of(tmp_path, TABLE, f"{ROWS}\n    {{}}[row[1] + 'x']").revisions[1]
    assert recorded.error is not None
    assert recorded.error.kind == "needs_database"


def test_a_column_of_urls_holds_one(tmp_path: Path) -> None:
    code = f"""
from sqlalchemy.engine.url import make_url
{ROWS}
    assert make_url(row[2]).get_dialect()
    op.execute("UPDATE t SET n = 1")
"""
    recorded = replay_of(tmp_path, TABLE, code).revisions[1]
    assert recorded.error is None
    assert recorded.data_dependent
