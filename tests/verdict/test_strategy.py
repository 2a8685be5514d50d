"""How a statement is carried out, by cost, class and size."""

import pytest

from tests.verdict.recording import catalog_of, record
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.cost import estimate
from zdmigrate.verdict.replication import classify
from zdmigrate.verdict.strategy import SMALL_BYTES, SMALL_ROWS, Strategy, choose

MYSQL = Flavour.parse("mysql:9.7")
BASE = catalog_of(
    "create table p (id int primary key); create table t (id int primary key, a int, e enum('r','g'))", MYSQL
)
BIG = 50_000_000


def chosen(sql: str, *, rows: int | None = None, size: int | None = None, has_replica: bool | None = None) -> Strategy:
    """The strategy for one statement on MySQL."""
    recorded = record(sql, BASE, MYSQL)
    cost = estimate(recorded, MYSQL, BASE)
    return choose(cost, classify(recorded, MYSQL), recorded.statement.node, rows, size, has_replica)


class TestDirect:
    """What needs nothing special."""

    @pytest.mark.parametrize("has_replica", [True, False, None])
    def test_instant_is_never_replica_first(self, has_replica: bool | None) -> None:
        found = chosen("alter table t add column x int", rows=BIG, has_replica=has_replica)
        assert found.name == "direct"
        assert "INSTANT" in found.reason

    def test_a_small_table(self) -> None:
        found = chosen("alter table t modify a bigint", rows=200)
        assert found == Strategy("direct", "The table is small (200 rows): COPY takes about a second.")
        assert chosen("alter table t modify a bigint", rows=SMALL_ROWS, size=SMALL_BYTES).name == "direct"

    @pytest.mark.parametrize(("rows", "size"), [(SMALL_ROWS + 1, 1), (1, SMALL_BYTES + 1)])
    def test_either_measure_makes_it_big(self, rows: int, size: int) -> None:
        assert chosen("alter table t modify a bigint", rows=rows, size=size).name == "replica-first"

    @pytest.mark.parametrize(
        "sql", ["select 1", "create table n (id int)", "drop table t", "insert into t values (1,1,'r')"]
    )
    def test_no_table_is_rebuilt(self, sql: str) -> None:
        assert chosen(sql).name == "direct"

    def test_dictionary_only(self) -> None:
        assert chosen("alter table t comment='x'", rows=BIG).name == "direct"

    def test_a_table_of_this_release(self) -> None:
        before = catalog_of("create table n (id int primary key, a int)", MYSQL)
        recorded = record("alter table n modify a bigint", before, MYSQL)
        cost = estimate(recorded, MYSQL, BASE)
        assert choose(cost, classify(recorded, MYSQL), recorded.statement.node).name == "direct"


class TestHeavy:
    """Rebuilds and index builds on big tables, or on tables of unknown size."""

    def test_unknown_size_is_taken_to_be_big_and_said(self) -> None:
        found = chosen("alter table t modify a bigint")
        assert found.name == "replica-first"
        assert found.reason.startswith("The table's size is not known (give --url), so it is taken to be big. ")
        assert "class B" in found.reason

    def test_a_build_that_lets_writers_go_on_still_stalls_replicas(self) -> None:
        found = chosen("alter table t add index ka (a)", rows=BIG)
        assert found.name == "replica-first"
        assert "replicas stall" in found.reason

    def test_c_needs_its_proof(self) -> None:
        assert "after its proof" in chosen("alter table t modify a int not null", rows=BIG).reason

    def test_d_that_blocks_writers_is_refused_with_the_rewrite(self) -> None:
        found = chosen("alter table t modify e enum('r','b','g')", rows=BIG)
        assert found.name == "refuse"
        assert "class D" in found.reason
        assert "Append new members at the end" in found.reason

    def test_d_that_lets_writers_go_on(self) -> None:
        found = chosen("alter table t modify a int first", rows=BIG)
        assert found.name == "direct"
        assert "replicas stall" in found.reason

    def test_without_a_replica(self) -> None:
        assert chosen("alter table t add index ka (a)", rows=BIG, has_replica=False).name == "direct"
        assert chosen("alter table t modify a bigint", rows=BIG, has_replica=False).name == "refuse"


class TestData:
    """UPDATE and DELETE."""

    @pytest.mark.parametrize("sql", ["update t set a = 1", "delete from t where a is null"])
    def test_in_batches(self, sql: str) -> None:
        assert chosen(sql, rows=BIG).name == "batches"
        assert chosen(sql).name == "batches"
        assert chosen(sql, rows=10).name == "direct"


def test_what_the_server_refuses() -> None:
    found = chosen("alter table t add column x text default 'y'")
    assert found.name == "refuse"
    assert "1101" in found.reason
