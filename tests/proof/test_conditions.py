"""Every data condition, true and false: its proof query finds a row exactly when the change fails or takes rows away.

Rows are generated small enough that both happen often; a run in which one of them never did fails.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.proof.support import scratch_on
from tests.servers import Server
from tests.verdict.support import judged, manifest
from zdmigrate.flavour import Flavour
from zdmigrate.proof.scratch import Scratch, SqlError
from zdmigrate.verdict.model import Condition
from zdsession.manifest import Manifest


@dataclass(frozen=True)
class Scenario:
    """A change with a data condition.

    Attributes:
        columns: what rows are generated for: columns of table `t`, with the SQL literals to draw from.
        setup: further statements, after the rows of `t` are in.
        lost: a query that returns a row when the change took something from old code; None when the server itself
            refuses the change while the condition does not hold.
        deployed: what old code maps, where the condition needs that.
        mysql_only: MariaDB has no such change.
    """

    condition: str
    base: str
    change: str
    columns: dict[str, tuple[str, ...]]
    setup: tuple[str, ...] = ()
    lost: str | None = None
    deployed: tuple[Manifest, ...] = ()
    mysql_only: bool = False


#: Old code that has the table and never writes what becomes unique, checked or a reference.
_ID_ONLY = (manifest(t={"id": "INT"}),)
_INTS = ("NULL", "1", "2", "3")
_WORDS = ("'a'", "'A'", "'á'", "'b'", "'b '", "NULL")
SCENARIOS = {
    "unique": Scenario(
        "no-duplicates",
        "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a INT)",
        "ALTER TABLE t ADD UNIQUE KEY u (a)",
        {"a": _INTS},
        deployed=_ID_ONLY,
    ),
    "unique of two": Scenario(
        "no-duplicates",
        "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a INT, b VARCHAR(9) COLLATE utf8mb4_general_ci)",
        "CREATE UNIQUE INDEX u ON t (a, b)",
        {"a": _INTS, "b": _WORDS},
        deployed=_ID_ONLY,
    ),
    "unique over a prefix": Scenario(
        "no-duplicates",
        "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, b VARCHAR(9) COLLATE utf8mb4_bin)",
        "CREATE UNIQUE INDEX u ON t (b(1))",
        {"b": ("'ab'", "'ac'", "'b'", "'cd'", "NULL", "''")},
        deployed=_ID_ONLY,
    ),
    "primary key, duplicates": Scenario(
        "no-duplicates",
        "CREATE TABLE t (a INT NOT NULL, b INT)",
        "ALTER TABLE t ADD PRIMARY KEY (a)",
        {"a": ("1", "2", "3", "4"), "b": _INTS},
    ),
    "primary key, nulls": Scenario(
        "no-nulls",
        "CREATE TABLE t (id INT NOT NULL AUTO_INCREMENT UNIQUE, a INT)",
        "ALTER TABLE t ADD PRIMARY KEY (id, a)",
        {"a": ("NULL", "1", "2", "3", "4", "5", "6", "7")},
    ),
    "check": Scenario(
        "no-violating-rows",
        "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a INT, b INT)",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a < 3 OR b IS NULL)",
        {"a": _INTS, "b": _INTS},
        deployed=_ID_ONLY,
    ),
    "foreign key": Scenario(
        "no-orphans",
        "CREATE TABLE p (id INT PRIMARY KEY); CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a INT, KEY k (a))",
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id)",
        {"a": ("NULL", "1", "2", "3")},
        ("INSERT INTO p VALUES (1), (2)",),
        deployed=_ID_ONLY,
    ),
    "collation of a unique key": Scenario(
        "no-duplicates",
        "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, b VARCHAR(9) COLLATE utf8mb4_bin, UNIQUE KEY u (b))",
        "ALTER TABLE t MODIFY b VARCHAR(9) COLLATE utf8mb4_general_ci",
        {"b": _WORDS},
    ),
    "generated NOT NULL": Scenario(
        "expression-never-null",
        "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a INT, b INT)",
        "ALTER TABLE t ADD COLUMN g INT AS (a + b) STORED NOT NULL",
        {"a": ("NULL", "1", "2", "3", "4", "5"), "b": ("1", "2", "3")},
        mysql_only=True,
    ),
    "exchanged partition": Scenario(
        "partition-is-empty",
        "CREATE TABLE t (id INT NOT NULL AUTO_INCREMENT, a INT NOT NULL, PRIMARY KEY (id, a)) PARTITION BY RANGE (a) "
        "(PARTITION p0 VALUES LESS THAN (2), PARTITION p1 VALUES LESS THAN MAXVALUE); "
        "CREATE TABLE other (id INT NOT NULL AUTO_INCREMENT, a INT NOT NULL, PRIMARY KEY (id, a))",
        "ALTER TABLE t EXCHANGE PARTITION p0 WITH TABLE other",
        {"a": ("1", "2", "3", "4", "5", "6")},
        ("CREATE TABLE kept AS SELECT id FROM t",),
        lost="SELECT 1 FROM kept LEFT JOIN t USING (id) WHERE t.id IS NULL LIMIT 1",
    ),
    "cascading delete": Scenario(
        "no-cascade-into-old-rows",
        "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a INT); "
        "CREATE TABLE c (id INT PRIMARY KEY AUTO_INCREMENT, t_id INT, KEY k (t_id), "
        "CONSTRAINT f FOREIGN KEY (t_id) REFERENCES t (id) ON DELETE CASCADE)",
        "DELETE FROM t",
        {"a": ("1", "2")},
        ("INSERT INTO c (t_id) SELECT IF(MAX(a) = 1, NULL, MAX(id)) FROM t",),
        lost="SELECT 1 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM c)",
        deployed=(manifest(c={"id": "INT", "t_id": "INT"}),),
    ),
}


def _condition(scenario: Scenario, flavour: Flavour) -> Condition:
    (judgement,) = judged(scenario.base, scenario.change, flavour=flavour, manifests=scenario.deployed)
    by_name = {item.name: item for item in judgement.conditions}
    assert scenario.condition in by_name, f"{scenario.change} has {sorted(by_name)}"
    assert by_name[scenario.condition].proof
    return by_name[scenario.condition]


def _stumbles(made: Scratch, scenario: Scenario, rows: list[tuple[str, ...]], proof: str) -> tuple[bool, bool]:
    """(the proof query finds a row, the change is refused or takes something away)."""
    made.empty()
    session = made.connect()
    for statement in scenario.base.split("; "):
        session.run(statement)
    for row in rows:
        try:
            session.run(f"INSERT INTO t ({', '.join(scenario.columns)}) VALUES ({', '.join(row)})")
        except SqlError as error:
            if error.errno != 1062:  # a key that is there already
                raise
    for statement in scenario.setup:
        session.run(statement)
    found = bool(session.rows(proof))
    try:
        session.run(scenario.change)
    except SqlError:
        return found, True
    return found, bool(scenario.lost and session.rows(scenario.lost))


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name, made in SCENARIOS.items() for kind in ("mysql", "mariadb")[: 1 if made.mysql_only else 2]],
)
def test_a_data_condition_says_what_happens(name: str, kind: str, request: pytest.FixtureRequest) -> None:
    scenario = SCENARIOS[name]
    server: Server = request.getfixturevalue(f"{kind}_server")
    seen: Counter[bool] = Counter()
    with scratch_on(server.url()) as (made, flavour):
        proof = _condition(scenario, flavour).proof or ""
        rows = st.lists(st.tuples(*(st.sampled_from(values) for values in scenario.columns.values())), max_size=4)

        @settings(max_examples=12, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(rows)
        def agree(drawn: list[tuple[str, ...]]) -> None:
            found, stumbled = _stumbles(made, scenario, drawn, proof)
            seen[found] += 1
            assert found == stumbled, f"{proof}: {found}, but the change: {stumbled}"

        agree()
    assert seen[True], "never false"
    assert seen[False], "never true"
