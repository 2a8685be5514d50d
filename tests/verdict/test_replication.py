"""Replication classes agree with what pairs of MySQL 9.7, MariaDB 10.11 and 11.8 did, and with the policy."""

from functools import cache

import pytest

from scripts.replication_matrix.cases import CASES, Case, case
from scripts.replication_matrix.matrix import SUBJECTS, Row, Subject, describe, differences, judge, read
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
MATRICES: dict[str, dict[int, Row]] = {subject.name: read(subject.path) for subject in SUBJECTS}

#: In A although it stopped (never silently): the catalog does not know that a column was COMPRESSED.
STOPPED_IN_A = {("mariadb-10.11", 181), ("mariadb-11.8", 181)}

#: In D although it applied, forward and held, on at least one server; and why it is refused all the same.
STRICTER = {
    3: "an implicit value for NOT NULL without DEFAULT",
    107: "an implicit value for NOT NULL without DEFAULT",
    23: "no sign in row events: a negative value would be another number",
    44: "no primary key on one side",
    126: "no primary key on one side",
    127: "no primary key on one side",
    56: "MySQL 9.6 and later log cascades, unless innodb_native_foreign_keys is on",
    57: "the writes did not cascade; case 160 is silent",
    75: "text becomes bytes for every reader",
    76: "text becomes bytes for every reader",
    95: "only as long as nobody writes the member; case 29 is silent",
    103: "geometries are not worth a class of their own",
    106: "MariaDB 10.11 forgets the default of a JSON column; the others did not",
    111: "MariaDB 10.11 does not compute the column",
    112: "values that the new code writes differ from the computed ones",
    114: "MariaDB 10.11 does not compute the column",
    115: "as for a STORED column",
    134: "a unique key over a column that row events do not carry",
    192: "a unique key over a column that row events do not carry",
    155: "each server keeps periods of its own, which the comparison does not see",
    175: "the new column refuses longer values",
}


def _forward(row: Row, found: ReplicationClass) -> str:
    """What was measured before a switchover, with the settings the class asks for."""
    match found.needs:
        case ():
            return row["fwd_row_full"]
        case ("ALL_NON_LOSSY",) | ("ALL_NON_LOSSY", "ALL_SIGNED"):  # ALL_SIGNED is what MySQL does unasked
            return row["fwd_row_full_all_non_lossy"]
        case ("ALL_NON_LOSSY", "ALL_UNSIGNED"):
            return row["fwd_row_full_all_non_lossy_unsigned"]
        case _:
            pytest.fail(f"nothing was measured with {found.needs}")


def classes(clause: str, tables: str = BASE, target: Flavour = MYSQL) -> ReplicationClass:
    """The class of `ALTER TABLE t clause`."""
    return classify(record(f"ALTER TABLE t {clause}", catalog_of(tables, target), target), target)


@cache
def _judged(subject: Subject) -> list[tuple[Case, Row, ReplicationClass]]:
    """Every measured row with what we say of it today."""
    return [(case(number), row, judge(case(number), subject.target)) for number, row in MATRICES[subject.name].items()]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
class TestMatrix:
    """Every row of a matrix; the lists hold the cases that break the rule."""

    def test_it_has_every_case_as_it_is_now(self, subject: Subject) -> None:
        assert list(MATRICES[subject.name]) == [one.number for one in CASES if one.runs_on(subject.vendor)]
        stale = [
            f"case {one.number}: {change}"
            for one, row, _ in _judged(subject)
            for change in differences(row, describe(one, subject.target))
        ]
        assert stale == [], "python -m scripts.replication_matrix --judge --write accepts it"

    def test_nothing_silent_outside_d_or_c_with_its_proof(self, subject: Subject) -> None:
        silent = [
            one.number
            for one, row, found in _judged(subject)
            if "SILENT" in _forward(row, found) or "SILENT" in row["rev_held"]
            if found.cls != "D" and not (found.cls == "C" and found.proof and one.breaks_proof)
        ]
        assert silent == []

    def test_what_may_go_did_apply(self, subject: Subject) -> None:
        """Class C: exactly when its proof was not broken."""
        wrong = [
            one.number
            for one, row, found in _judged(subject)
            if found.cls in ("A", "B", "C")
            and (subject.name, one.number) not in STOPPED_IN_A
            and (row["rev_held"] != "ok" or (_forward(row, found) != "ok") != one.breaks_proof)
        ]
        assert wrong == []

    def test_what_needs_a_setting_stopped_without(self, subject: Subject) -> None:
        needless = [
            one.number for one, row, found in _judged(subject) if found.cls == "B" and row["fwd_row_full"] == "ok"
        ]
        assert needless == [78, 176]  # as many bytes in both charsets

    def test_it_says_what_to_do(self, subject: Subject) -> None:
        for _, _, found in _judged(subject):
            assert found.reason.endswith(".")
            assert bool(found.rewrite) == (found.cls == "D")
            assert bool(found.proof) == (found.cls == "C")
            assert found.cls != "B" or "ALL_NON_LOSSY" in found.needs
            assert found.cls in ("B", "C") or not found.needs


def test_what_is_refused_although_it_applied_is_explained() -> None:
    applied = {
        one.number
        for subject in SUBJECTS
        for one, row, found in _judged(subject)
        if found.cls == "D" and _forward(row, found) == row["rev_held"] == "ok"
    }
    assert applied == set(STRICTER)


class TestSeveralActions:
    """An ALTER with several actions takes the worst class."""

    def test_the_worst_decides(self) -> None:
        assert classes("add column x int, modify b varchar(40), add unique index ux (b)").cls == "C"
        assert classes("add column x int, modify b varchar(40)").cls == "B"
        assert (
            classes("add column x int, add constraint f foreign key (a) references p (id) on delete cascade").cls == "D"
        )

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

    def test_the_proof_compares_in_the_new_charset(self) -> None:
        tables = "create table t (id int not null primary key, u varchar(20) character set utf8mb3, unique key uu (u))"
        found = classes("modify u varchar(20) character set utf8mb4 collate utf8mb4_bin", tables)
        assert (found.cls, found.needs) == ("C", ("ALL_NON_LOSSY",))
        assert "GROUP BY CONVERT(`u` USING utf8mb4) COLLATE utf8mb4_bin HAVING" in found.proof


class TestKeys:
    """Row events find rows by key."""

    def test_a_unique_key_over_a_new_column_stops_with_1032(self) -> None:
        assert classes("add column x int, add unique index ux (x)").cls == "D"

    def test_an_expression_over_a_new_column(self) -> None:
        assert classes("add column x int, add unique index ux ((x + 1))").cls == "D"

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

    def test_and_signed_ones_as_signed(self) -> None:
        assert classes("modify a bigint").needs == ("ALL_NON_LOSSY", "ALL_SIGNED")

    def test_signed_and_unsigned_at_once(self) -> None:
        assert classes("modify w bigint unsigned, modify a bigint").cls == "D"

    def test_mariadb_reads_the_sign_from_its_own_column(self) -> None:
        found = classes("modify w bigint unsigned, modify a bigint", target=MARIADB)
        assert (found.cls, found.needs) == ("B", ("ALL_NON_LOSSY",))


class TestForeignKeys:
    """A foreign key without cascades can only stop the applier."""

    def test_the_proof_looks_for_orphans(self) -> None:
        found = classes("add constraint f foreign key (a) references p (id)")
        assert found.cls == "C"
        assert found.proof == (
            "SELECT 1 FROM `t` AS c LEFT JOIN `p` AS p ON c.`a` = p.`id` "
            "WHERE c.`a` IS NOT NULL AND p.`id` IS NULL LIMIT 1"
        )

    def test_of_a_new_column(self) -> None:
        constraint = "constraint f foreign key (x) references p (id)"
        assert classes(f"add column x int, add {constraint}").cls == "A"
        assert classes(f"add column x int not null default 1, add {constraint}").cls == "D"

    @pytest.mark.parametrize("action", ["on delete cascade", "on update cascade", "on delete set null"])
    @pytest.mark.parametrize("target", [MYSQL, MARIADB], ids=str)
    def test_cascades_are_refused(self, action: str, target: Flavour) -> None:
        constraint = f"constraint f foreign key (a) references p (id) {action}"
        assert classes(f"add {constraint}", target=target).cls == "D"
        tables = BASE.removesuffix(")") + f", {constraint})"
        assert classes("drop foreign key f", tables, target).cls == "D"


class TestChecks:
    """A CHECK needs its proof on both sides."""

    def test_of_a_new_column(self) -> None:
        assert classes("add column x int, add constraint ck check (x > 0)").cls == "D"

    def test_of_an_old_column(self) -> None:
        assert classes("add column x int, add constraint ck check (a > 0)").cls == "C"


class TestDefaults:
    """A column at the end is filled by its default, except where a server forgets it."""

    @pytest.mark.parametrize("column", ["text default 'abc'", "json default '[]'", "longtext not null default 'x'"])
    def test_of_texts_on_mariadb(self, column: str) -> None:
        assert classes(f"add column x {column}", target=MARIADB).cls == "D"
        assert classes(f"add column x {column}", target=Flavour.parse("mariadb:11.8")).cls == "A"

    @pytest.mark.parametrize("column", ["text", "text not null default ''", "varchar(9) default 'abc'"])
    def test_that_mariadb_does_not_forget(self, column: str) -> None:
        assert classes(f"add column x {column}", target=MARIADB).cls == "A"


class TestCompressed:
    """MariaDB's COMPRESSED columns."""

    def test_redefining_one(self) -> None:
        assert classes("modify b varchar(20) compressed", target=MARIADB).needs == ("ALL_NON_LOSSY",)

    def test_the_row_format_is_something_else(self) -> None:
        assert classes("modify a int, row_format=compressed", target=MARIADB).cls == "A"


class TestErrors:
    """The reason names the error the administrator will see."""

    def test_on_mysql(self) -> None:
        assert "13146" in classes("modify b int").reason

    def test_on_mariadb(self) -> None:
        assert "1677" in classes("modify b int", target=MARIADB).reason


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
