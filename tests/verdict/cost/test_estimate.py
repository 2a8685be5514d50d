"""Cost estimates agree with what servers accepted, and with the manual for versions nobody could ask."""

import pytest

from tests.verdict.cost.probes import TABLES, Probe, cost_of, probes
from tests.verdict.recording import catalog_of, record
from zdmigrate.flavour import Flavour
from zdmigrate.history.syntax import AlterTable
from zdmigrate.verdict.cost import Cost, estimate, with_clause

MYSQL = Flavour.parse("mysql:9.7")
MARIADB = Flavour.parse("mariadb:10.11")

#: Before 11.2 MariaDB accepts any ALGORITHM for these and copies all the same (it refuses LOCK=NONE): we say COPY.
ACCEPTS_ANYTHING = {"ENGINE=MyISAM", "ENGINE=InnoDB (MyISAM)", "ORDER BY", "PARTITION BY HASH", "REMOVE PARTITIONING"}

#: Algorithm, lock and rebuild of the four usual costs.
INSTANT = ("INSTANT", "NONE", False)
IN_PLACE = ("INPLACE", "NONE", False)
REBUILT = ("INPLACE", "NONE", True)
COPIED = ("COPY", "SHARED", True)

CASES = [
    pytest.param(Flavour.parse(target), probe, id=f"{target}-{probe.operation}")
    for target, file in (
        ("mysql:9.7", "mysql_9_7_alter_probe"),
        ("mysql:9.7", "mysql_9_7_more_probes"),
        ("mariadb:10.11", "mariadb_10_11_alter_probe"),
        ("mariadb:10.11", "mariadb_10_11_more_probes"),
        ("mariadb:11.8", "mariadb_11_8_alter_probe"),
        ("mariadb:11.8", "mariadb_11_8_more_probes"),
    )
    for probe in probes(file)
    if not (target == "mariadb:10.11" and probe.operation in ACCEPTS_ANYTHING)
]


@pytest.mark.parametrize(("target", "probe"), CASES)
def test_agrees_with_the_server(target: Flavour, probe: Probe) -> None:
    cost = cost_of(probe.table, probe.clause, target, session=probe.session)
    assert (cost.refusal is not None) == (probe.best == "-")
    if cost.refusal is not None:
        return
    assert cost.algorithm == probe.best
    assert cost.basis == "table"
    if probe.lock_none == "not combinable with INSTANT":
        assert cost.algorithm_clause == "ALGORITHM=INSTANT"
    else:
        assert (cost.lock == "NONE") == (probe.lock_none == "Yes")
        assert (cost.lock == "EXCLUSIVE") == (probe.lock_shared == "No")
    if probe.rebuild:
        assert cost.rebuild == (probe.rebuild == "Yes")


@pytest.mark.parametrize("operation", sorted(ACCEPTS_ANYTHING))
def test_what_mariadb_calls_instant_and_copies(operation: str) -> None:
    (probe,) = (probe for probe in probes("mariadb_10_11_more_probes") if probe.operation == operation)
    assert (probe.best, probe.lock_none) == ("INSTANT", "No")
    cost = cost_of(probe.table, probe.clause, MARIADB)
    assert (cost.algorithm, cost.lock, cost.rebuild, cost.blocks_writes) == ("COPY", "SHARED", True, True)


def test_the_one_fact_that_is_a_syntax_error() -> None:
    """The fact was measured with ALGORITHM after PARTITION BY, where no server takes it; it goes before."""
    (probe,) = (probe for probe in probes("mariadb_10_11_alter_probe") if probe.operation == "PARTITION BY HASH")
    assert probe.best == "-"
    assert "SQL syntax" in probe.refusal
    recorded = record(f"alter table t {probe.clause}", catalog_of(TABLES["plain"], MARIADB), MARIADB)
    cost = estimate(recorded, MARIADB)
    node = recorded.statement.node
    assert isinstance(node, AlterTable)
    assert with_clause(recorded.statement.sql, node, cost.algorithm_clause) == (
        "alter table t ALGORITHM=COPY, LOCK=SHARED partition by hash(id) partitions 2"
    )


def form(clause: str, target: str, table: str = "plain", session: str = "") -> tuple[str, str, bool]:
    """Algorithm, lock and rebuild."""
    cost = cost_of(table, clause, Flavour.parse(target), session=session)
    return cost.algorithm, cost.lock, cost.rebuild


class TestOlderMySQL:
    """The manual's tables, where no server could be asked."""

    @pytest.mark.parametrize(
        ("clause", "table", "by_version"),
        [
            (
                "add column z int",
                "plain",
                {
                    "5.7": REBUILT,
                    "8.0.11": REBUILT,
                    "8.0.12": INSTANT,
                    "8.4": INSTANT,
                },
            ),
            (
                "add column z int after a",
                "plain",
                {
                    "5.7": REBUILT,
                    "8.0.28": REBUILT,
                    "8.0.29": INSTANT,
                    "8.0": INSTANT,
                },
            ),
            (
                "drop column d",
                "plain",
                {
                    "5.7": REBUILT,
                    "8.0.28": REBUILT,
                    "8.0.29": INSTANT,
                },
            ),
            (
                "change column d dd int null",
                "plain",
                {
                    "5.7": IN_PLACE,
                    "8.0.27": IN_PLACE,
                    "8.0.28": INSTANT,
                },
            ),
            (
                "alter column d set default 7",
                "plain",
                {"5.7": IN_PLACE, "8.4": INSTANT},
            ),
            (
                "modify column e enum('r','g','b') null",
                "plain",
                {"5.7": IN_PLACE, "8.4": INSTANT},
            ),
            (
                "modify column v varchar(20) character set utf8mb4 null",
                "v_utf8mb3",
                {"5.7": COPIED, "8.0": IN_PLACE},
            ),
            (
                "modify column d bigint null",
                "plain",
                {"5.7": COPIED, "8.4": COPIED},
            ),
            ("add index i1 (a)", "plain", {"5.7": IN_PLACE, "8.4": IN_PLACE}),
            (
                "modify column z int as (a+1) stored first",
                "stored",
                {"8.4": COPIED, "9.7": REBUILT},
            ),
            (
                "add column z int as (a+1) virtual",
                "partitioned",
                {"5.7": COPIED, "9.7": INSTANT},
            ),
            ("drop partition p1", "partitioned", {"8.4": IN_PLACE}),
            ("remove partitioning", "partitioned", {"8.4": COPIED}),
        ],
    )
    def test_by_version(self, clause: str, table: str, by_version: dict[str, tuple[str, str, bool]]) -> None:
        assert {version: form(clause, f"mysql:{version}", table) for version in by_version} == by_version

    def test_check_is_ignored_before_8_0_16(self) -> None:
        assert form("add constraint ck check (a > 0)", "mysql:8.0.15") == INSTANT


class TestMariaDBVersions:
    """10.6 does what 10.11 does; from 11.2 COPY lets writers go on, with exceptions."""

    @pytest.mark.parametrize("version", ["10.6", "10.11", "11.1"])
    def test_copy_blocks_writers(self, version: str) -> None:
        cost = cost_of("plain", "modify column d bigint null", Flavour.parse(f"mariadb:{version}"))
        assert (cost.algorithm, cost.lock, cost.blocks_writes) == COPIED

    @pytest.mark.parametrize("version", ["11.2", "11.4", "11.8"])
    def test_online_copy(self, version: str) -> None:
        cost = cost_of("plain", "modify column d bigint null", Flavour.parse(f"mariadb:{version}"))
        assert (cost.algorithm, cost.lock, cost.blocks_writes) == ("COPY", "NONE", False)
        assert cost.algorithm_clause == "ALGORITHM=COPY, LOCK=NONE"

    def test_exceptions_to_online_copy(self) -> None:
        assert form("modify column k bigint not null", "mariadb:11.8", "fk_cascade") == COPIED
        assert form("modify column k int not null auto_increment", "mariadb:11.8", "pk_k") == COPIED

    def test_before_10_4_is_an_assumption(self) -> None:
        assert cost_of("plain", "add column z int", Flavour.parse("mariadb:10.3")).basis == "assumed"


class TestExplicitClauses:
    """ALGORITHM= and LOCK= in the statement are honoured."""

    def cost(self, clause: str, target: Flavour = MYSQL) -> Cost:
        return cost_of("plain", clause, target)

    def test_an_algorithm_that_is_too_cheap_is_refused(self) -> None:
        cost = self.cost("modify column d bigint null, algorithm=inplace")
        assert cost.refusal is not None
        assert (cost.algorithm, cost.refusal.errno) == ("NONE", 1845)
        assert "Try ALGORITHM=COPY" in cost.reason

    def test_a_dearer_one_is_what_the_server_does(self) -> None:
        cost = self.cost("add column z int, algorithm=copy")
        assert (cost.algorithm, cost.lock, cost.rebuild, cost.blocks_writes) == ("COPY", "SHARED", True, True)
        assert "Leave out ALGORITHM=COPY" in cost.cheaper
        assert self.cost("add column z int, algorithm=inplace").rebuild

    def test_mariadb_takes_a_dearer_one_as_a_limit_except_copy(self) -> None:
        assert self.cost("add column z int, algorithm=inplace", MARIADB).algorithm == "INSTANT"
        assert self.cost("add column z int, algorithm=copy", MARIADB).algorithm == "COPY"

    @pytest.mark.parametrize(
        ("clause", "errno"),
        [
            ("add column z int, algorithm=instant, lock=none", 1221),
            ("add column z int, algorithm=nocopy", 1800),
            ("modify column d bigint null, lock=none", 1846),
            ("modify column a int not null, algorithm=instant", 1845),
        ],
    )
    def test_refusals(self, clause: str, errno: int) -> None:
        refusal = self.cost(clause).refusal
        assert refusal is not None
        assert refusal.errno == errno

    def test_instant_is_unknown_to_5_7(self) -> None:
        refusal = self.cost("add column z int, algorithm=instant", Flavour.parse("mysql:5.7")).refusal
        assert refusal is not None
        assert refusal.errno == 1800

    def test_a_stricter_lock_blocks(self) -> None:
        cost = self.cost("add index i1 (a), lock=exclusive")
        assert (cost.lock, cost.blocks_writes) == ("EXCLUSIVE", True)
        assert cost.waits.startswith("Readers and writers")

    def test_nothing_is_added_to_them(self) -> None:
        assert self.cost("add column z int, algorithm=instant").algorithm_clause == ""

    def test_the_session_can_ask_for_copy(self) -> None:
        assert form("add column z int", "mysql:9.7", session="set old_alter_table = 1")[0] == "COPY"
        assert form("add column z int", "mariadb:10.11", session="set alter_algorithm = 'copy'")[0] == "COPY"
        assert form("add column z int", "mariadb:11.8", session="set alter_algorithm = 'copy'")[0] == "INSTANT"


class TestSaying:
    """What a person reads."""

    def test_who_waits(self) -> None:
        assert cost_of("plain", "add column z int", MYSQL).waits.startswith("Nobody for long: only a metadata lock")
        assert cost_of("plain", "modify column d bigint", MYSQL).waits.startswith(
            "Writers are blocked for the whole copy"
        )
        assert "replicas stall" in cost_of("plain", "add index i1 (a)", MYSQL).waits

    def test_the_limit_of_a_varchar(self) -> None:
        cost = cost_of("v_63", "modify column v varchar(64)", MYSQL)
        assert "From 252 to 256 bytes" in cost.reason
        cost = cost_of("plain", "modify column b varchar(100)", MYSQL)
        assert cost.cheaper == "Up to VARCHAR(63) it is INPLACE without a rebuild."

    def test_instant_does_not_combine(self) -> None:
        assert cost_of("plain", "add column z int, add index i1 (a)", MYSQL).cheaper == (
            "Split the ALTER: ADD COLUMN by itself is INSTANT."
        )

    def test_refused_definitions(self) -> None:
        assert "1101" in cost_of("plain", "add column z text default 'x'", MYSQL).reason
        assert "1674" in cost_of("plain", "add column z varchar(36) default (uuid())", MYSQL).reason


class TestNewAndUnseenTables:
    """Tables of this release cost nothing; of tables never seen little is known."""

    def test_a_table_created_in_this_release(self) -> None:
        base = catalog_of("create table old (id int primary key)", MYSQL)
        before = catalog_of("create table old (id int primary key); create table t (id int primary key, d int)", MYSQL)
        cost = estimate(record("alter table t modify d bigint", before, MYSQL), MYSQL, base)
        assert cost.new_table
        assert (cost.algorithm, cost.blocks_writes, cost.stalls_replicas) == ("COPY", False, False)

    def test_a_table_of_the_base(self) -> None:
        before = catalog_of("create table t (id int primary key, d int)", MYSQL)
        assert not estimate(record("alter table t modify d bigint", before, MYSQL), MYSQL, before).new_table

    def test_a_table_never_seen(self) -> None:
        before = catalog_of("", MYSQL, complete=False)
        cost = estimate(record("alter table t add column z int", before, MYSQL), MYSQL)
        assert (cost.algorithm, cost.basis, cost.algorithm_clause) == ("INSTANT", "assumed", "")
        cost = estimate(record("alter table t modify d bigint", before, MYSQL), MYSQL)
        assert (cost.algorithm, cost.basis) == ("COPY", "assumed")

    def test_an_action_in_no_table(self) -> None:
        cost = cost_of("plain", "discard tablespace", MYSQL)
        assert (cost.algorithm, cost.basis) == ("COPY", "assumed")

    def test_a_temporary_table_makes_nobody_wait(self) -> None:
        before = catalog_of("create temporary table t (id int primary key, d int)", MYSQL)
        cost = estimate(record("alter table t modify d bigint", before, MYSQL), MYSQL)
        assert not cost.blocks_writes


OTHERS = "create table t (id int primary key, d int); create table p (id int primary key)"


@pytest.mark.parametrize(
    ("sql", "algorithm", "lock"),
    [
        ("select 1", "NONE", "NONE"),
        ("set foreign_key_checks = 0", "NONE", "NONE"),
        ("create table n (id int primary key)", "NONE", "NONE"),
        ("create view v as select id from t", "NONE", "NONE"),
        ("drop table t", "NONE", "EXCLUSIVE"),
        ("rename table t to t2", "INSTANT", "EXCLUSIVE"),
        ("truncate table t", "NONE", "EXCLUSIVE"),
        ("optimize table t", "INPLACE", "NONE"),
        ("analyze table t", "NONE", "NONE"),
        ("insert into t values (1, 2)", "DML", "NONE"),
        ("update t set d = 1", "DML", "NONE"),
        ("delete from t where id = 1", "DML", "NONE"),
        ("create trigger tr before insert on t for each row set new.d = 1", "NONE", "EXCLUSIVE"),
        ("grant select on t to u", "NONE", "NONE"),
        ("create index i1 on t (d)", "INPLACE", "NONE"),
    ],
)
def test_other_statements(sql: str, algorithm: str, lock: str) -> None:
    cost = estimate(record(sql, catalog_of(OTHERS, MYSQL), MYSQL), MYSQL)
    assert (cost.algorithm, cost.lock) == (algorithm, lock)
    assert cost.waits


def test_an_update_of_every_row_blocks() -> None:
    cost = estimate(record("update t set d = 1", catalog_of(OTHERS, MYSQL), MYSQL), MYSQL)
    assert cost.scans
    assert cost.blocks_writes
    assert "batches" in cost.cheaper


def test_what_nobody_can_read_is_assumed_to_be_dear() -> None:
    cost = estimate(record("frobnicate t", catalog_of(OTHERS, MYSQL), MYSQL), MYSQL)
    assert (cost.algorithm, cost.basis) == ("COPY", "assumed")


def test_what_the_catalog_refuses() -> None:
    cost = estimate(record("alter table t add column d int", catalog_of(OTHERS, MYSQL), MYSQL), MYSQL)
    assert cost.refusal is not None
    assert cost.refusal.errno == 1060
