"""Replication classes agree with what 58 ALTERs did on a replicating pair, and with the policy."""

import csv
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.verdict.recording import catalog_of, record
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.replication import ReplicationClass, classify

MARIADB = Flavour.parse("mariadb:10.11")
MYSQL = Flavour.parse("mysql:9.7")
BASE = (
    "create table p (id int not null primary key);"
    "create table t (id int not null primary key, a int, b varchar(20), u varchar(20), n int not null default 0, "
    "w int unsigned, z varchar(20) collate utf8mb4_bin, unique key uu (u, a), key kb (b))"
)


class Row(NamedTuple):
    """One row of the matrix."""

    number: int
    alter: str
    forward: str
    forward_non_lossy: str
    held: str
    tables: str
    clause: str
    cls: str


def _matrix() -> list[Row]:
    path = Path(__file__).parent / "data" / "replication_matrix_mariadb_10_11.csv"
    with path.open(newline="") as file:
        return [
            Row(
                int(row["row"]),
                row["alter"],
                row["fwd_row_full"],
                row["fwd_row_full_all_non_lossy"],
                row["rev_held"],
                row["tables"],
                row["alter_clause"],
                row["class"],
            )
            for row in csv.DictReader(file)
        ]


MATRIX = _matrix()


def classes(clause: str, tables: str = BASE, target: Flavour = MYSQL) -> ReplicationClass:
    """The class of `ALTER TABLE t clause`."""
    return classify(record(f"ALTER TABLE t {clause}", catalog_of(tables, target), target), target)


def test_the_matrix_is_whole() -> None:
    assert [row.number for row in MATRIX] == list(range(1, 59))


@pytest.mark.parametrize("target", [MARIADB, MYSQL], ids=str)
@pytest.mark.parametrize("row", MATRIX, ids=lambda row: f"{row.number}")
class TestMatrix:
    """Every measured row, on both flavours."""

    def test_class(self, row: Row, target: Flavour) -> None:
        assert classes(row.clause, row.tables, target).cls == row.cls

    def test_nothing_silent_outside_d_or_c_with_its_proof(self, row: Row, target: Flavour) -> None:
        found = classes(row.clause, row.tables, target)
        forward = row.forward_non_lossy if found.cls == "B" else row.forward
        if "SILENT" in forward or "SILENT" in row.held:
            assert found.cls == "D" or (found.cls == "C" and found.proof)

    def test_what_may_go_did_apply(self, row: Row, target: Flavour) -> None:
        found = classes(row.clause, row.tables, target)
        if found.cls in ("A", "B"):
            assert (row.forward_non_lossy if found.cls == "B" else row.forward) == "ok"
            assert row.held == "ok"

    def test_it_says_what_to_do(self, row: Row, target: Flavour) -> None:
        found = classes(row.clause, row.tables, target)
        assert found.reason.endswith(".")
        assert bool(found.rewrite) == (found.cls == "D")
        assert bool(found.proof) == (found.cls == "C")
        assert ("ALL_NON_LOSSY" in found.needs) == (found.cls == "B")


class TestSeveralActions:
    """An ALTER with several actions takes the worst class."""

    def test_the_worst_decides(self) -> None:
        assert classes("add column x int, modify b varchar(40), add unique index ux (b)").cls == "C"
        assert classes("add column x int, modify b varchar(40)").cls == "B"
        assert classes("add column x int, add constraint f foreign key (a) references p (id)").cls == "D"

    def test_a_proof_keeps_what_the_widening_needs(self) -> None:
        found = classes("modify b varchar(40), modify a int not null")
        assert (found.cls, found.needs) == ("C", ("ALL_NON_LOSSY",))

    def test_several_columns_at_the_end(self) -> None:
        assert classes("add column x int, add column y int default 3").cls == "A"

    def test_dropping_the_last_and_adding_another_puts_values_in_the_wrong_column(self) -> None:
        assert classes("drop column z, add column x varchar(20)").cls == "D"

    def test_restating_is_no_difference(self) -> None:
        assert classes("modify a int null").cls == "A"


class TestCollation:
    """Collation-only changes are A only off unique keys."""

    def test_off_keys(self) -> None:
        assert classes("modify z varchar(20) collate utf8mb4_general_ci").cls == "A"

    def test_in_an_index_that_is_not_unique(self) -> None:
        assert classes("modify b varchar(20) collate utf8mb4_bin").cls == "A"

    def test_in_a_unique_key(self) -> None:
        found = classes("modify u varchar(20) collate utf8mb4_general_ci")
        assert found.cls == "C"
        assert found.proof == (
            "SELECT 1 FROM `t` WHERE `u` IS NOT NULL AND `a` IS NOT NULL "
            "GROUP BY `u` COLLATE utf8mb4_general_ci, `a` HAVING COUNT(*) > 1 LIMIT 1"
        )

    def test_of_the_whole_table(self) -> None:
        assert classes("convert to character set utf8mb4 collate utf8mb4_bin").cls == "C"


class TestKeys:
    """Row events find rows by key."""

    def test_a_unique_key_over_a_new_column_stops_with_1032(self) -> None:
        assert classes("add column x int, add unique index ux (x)").cls == "D"

    def test_a_table_without_primary_key(self) -> None:
        assert classes("add column x int", "create table t (a int)").cls == "D"

    def test_dropping_the_primary_key(self) -> None:
        assert classes("drop primary key").cls == "D"

    def test_the_proof_of_a_unique_key_over_a_prefix(self) -> None:
        assert "GROUP BY LEFT(`b`, 5)" in classes("add unique index ux (b(5))").proof


class TestUnsigned:
    """Row events carry no sign."""

    def test_mysql_is_told_to_read_integers_as_unsigned(self) -> None:
        found = classes("modify w bigint unsigned")
        assert (found.cls, found.needs) == ("B", ("ALL_NON_LOSSY", "ALL_UNSIGNED"))

    def test_signed_and_unsigned_at_once(self) -> None:
        assert classes("modify w bigint unsigned, modify a bigint").cls == "D"

    def test_mariadb_has_no_such_setting(self) -> None:
        found = classes("modify w bigint unsigned", target=MARIADB)
        assert (found.cls, found.needs) == ("C", ("ALL_NON_LOSSY",))
        assert found.proof == "SELECT 1 FROM `t` WHERE `w` > 2147483647 LIMIT 1"


@pytest.mark.parametrize(
    "clause",
    [
        "rename to t2",
        "engine=myisam",
        "modify a int auto_increment, add key ka (a)",
        "add column x int default (id + 1)",
        "add column x datetime null on update current_timestamp",
        "modify z longtext character set latin1",
    ],
)
def test_refused(clause: str) -> None:
    assert classes(clause).cls == "D"


@pytest.mark.parametrize("clause", ["rename index kb to kb2", "comment='x'", "row_format=compressed", "force"])
def test_go(clause: str) -> None:
    assert classes(clause).cls == "A"


@pytest.mark.parametrize(
    "sql",
    [
        "create table x (id int)",
        "drop table t",
        "rename table t to t2",
        "update t set a = 1",
        "select 1",
        "optimize table t",
    ],
)
def test_the_question_does_not_arise(sql: str) -> None:
    found = classify(record(sql, catalog_of(BASE, MYSQL), MYSQL), MYSQL)
    assert found.cls == "-"
    assert found.reason


def test_create_index_is_an_alter() -> None:
    assert classify(record("create unique index ux on t (b)", catalog_of(BASE, MYSQL), MYSQL), MYSQL).cls == "C"


def test_a_table_never_seen() -> None:
    recorded = record("alter table unseen add column x int", catalog_of("", MYSQL, complete=False), MYSQL)
    assert classify(recorded, MYSQL).cls == "D"


def test_what_the_server_refuses() -> None:
    assert classes("add column a int").cls == "-"
