"""The server as the oracle for cost: what it answers, what it cannot be asked, and that nothing is left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pymysql
import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings

from tests.apps import App
from tests.conftest import MakeServer
from tests.proof.cases import Generated, cases
from tests.servers import Kind, Server
from tests.verdict.cost.probes import TABLES, Probe, probes
from tests.verdict.recording import catalog_of, record
from tests.verdict.support import recorded as recorded_case
from zdmigrate.errors import UsageError
from zdmigrate.flavour import Flavour
from zdmigrate.history.recording import RecordedStatement
from zdmigrate.history.syntax import AlterTable
from zdmigrate.proof import scratch as scratch_module
from zdmigrate.proof import servers
from zdmigrate.proof.oracle import Oracle, UnaskedError, ask_plan, must_match
from zdmigrate.proof.scratch import PREFIX, Session, SqlError, scratch
from zdmigrate.proof.servers import Throwaway
from zdmigrate.verdict.cost import Cost, estimate
from zdmigrate.verdict.cost.answer import Answer, difference, with_answer

#: What 10.11 was first said to do is a syntax error (docs/cost.md): ALGORITHM goes before PARTITION BY.
_MISTAKEN = ("mariadb_10_11_alter_probe", "PARTITION BY HASH")
#: Before 11.2 MariaDB takes any ALGORITHM for these, and copies.
_ACCEPTS_ANYTHING = {"ENGINE=MyISAM", "ENGINE=InnoDB (MyISAM)", "ORDER BY", "PARTITION BY HASH", "REMOVE PARTITIONING"}


def _recorded(clause: str, flavour: Flavour, *, table: str = "plain", session: str = "") -> RecordedStatement:
    return record(f"ALTER TABLE t {clause}", catalog_of(TABLES[table], flavour), flavour, session=session)


def _asked(oracle: Oracle, recorded: RecordedStatement) -> tuple[Cost, Cost]:
    """The estimate, and the cost by the server."""
    estimated = estimate(recorded, oracle.flavour)
    node = recorded.statement.node
    assert isinstance(node, AlterTable)
    return estimated, with_answer(estimated, oracle.ask(recorded), node, recorded, oracle.flavour)


@contextmanager
def _oracle(url: str) -> Iterator[Oracle]:
    with scratch(url) as made:
        yield Oracle(made)


def _scratch_databases(server: Server) -> list[str]:
    return [str(row[0]) for row in _run(server.url(), "SHOW DATABASES") if str(row[0]).startswith(PREFIX)]


def _run(url: str, *statements: str) -> list[tuple[object, ...]]:
    """The rows of the last statement."""
    parsed = sqlalchemy.make_url(url)
    connection = pymysql.connect(
        host=parsed.host or "",
        port=parsed.port or 0,
        user=parsed.username,
        password=str(parsed.password or ""),
        database=parsed.database,
        autocommit=True,
    )
    with closing(connection), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


_FLAVOURS = [("mysql", None, "mysql_9_7"), ("mariadb", None, "mariadb_10_11"), ("mariadb", "11.8", "mariadb_11_8")]


@pytest.mark.parametrize(("kind", "version", "name"), _FLAVOURS)
def test_every_probe_is_predicted(kind: Kind, version: str | None, name: str, make_server: MakeServer) -> None:
    _all_predicted(make_server(kind, version=version, binlog=True), f"{name}_alter_probe")


@pytest.mark.soak
@pytest.mark.parametrize(("kind", "version", "name"), _FLAVOURS)
def test_more_probes_are_predicted(kind: Kind, version: str | None, name: str, make_server: MakeServer) -> None:
    _all_predicted(make_server(kind, version=version, binlog=True), f"{name}_more_probes")


def _all_predicted(server: Server, file: str) -> None:
    """The table of costs and the server agree on all probes, and the server with what it said when they were made."""
    wrong = []
    with _oracle(server.url()) as oracle:
        for probe in probes(file):
            recorded = _recorded(probe.clause, oracle.flavour, table=probe.table, session=probe.session)
            estimated, asked = _asked(oracle, recorded)
            both_refuse = estimated.refusal is not None and asked.refusal is not None
            if not both_refuse and estimated != replace(asked, basis=estimated.basis, depends_on=()):
                wrong.append(f"{probe.clause} on {probe.table}: {difference(estimated, asked) or (estimated, asked)}")
            if not _as_written_down(probe, asked, file):
                wrong.append(f"{probe.clause} on {probe.table}: {probe.best} is written down, {asked.algorithm} now")
        print(f"\n{oracle.flavour} {file}: {len(probes(file))} asked, {len(wrong)} not as predicted")
    assert not wrong, "\n".join(wrong)


def _as_written_down(probe: Probe, asked: Cost, file: str) -> bool:
    if (file, probe.operation) == _MISTAKEN:
        return asked.algorithm == "COPY"
    if probe.operation in _ACCEPTS_ANYTHING and probe.best == "INSTANT" and asked.algorithm == "COPY":
        return file == "mariadb_10_11_more_probes"
    return probe.best == ("-" if asked.refusal is not None else asked.algorithm)


def test_the_server_wins_over_the_table(any_sql_server: Server) -> None:
    with _oracle(any_sql_server.url()) as oracle:
        recorded = _recorded("modify column d bigint null", oracle.flavour)
        node = recorded.statement.node
        assert isinstance(node, AlterTable)
        mistaken = Cost("INSTANT", algorithm_clause="ALGORITHM=INSTANT", reason="We thought so.")
        cost = with_answer(mistaken, oracle.ask(recorded), node, recorded, oracle.flavour)
    assert (cost.algorithm, cost.lock, cost.rebuild, cost.basis) == ("COPY", "SHARED", True, "server")
    assert cost.blocks_writes
    assert cost.algorithm_clause == "ALGORITHM=COPY, LOCK=SHARED"
    assert "We thought so" not in cost.reason
    assert difference(mistaken, cost) == ("the table says INSTANT, LOCK=NONE; the server COPY, LOCK=SHARED, rebuilt")


def test_indexes_are_asked_for_however_they_are_written(any_sql_server: Server) -> None:
    with _oracle(any_sql_server.url()) as oracle:
        before = catalog_of(TABLES["plain"], oracle.flavour)
        in_place = "NOCOPY" if oracle.flavour.is_mariadb else "INPLACE"
        for sql in ("CREATE INDEX i ON t (a)", "CREATE UNIQUE INDEX i ON t (a, `b`)", "DROP INDEX kd ON t"):
            estimated, asked = _asked(oracle, record(sql, before, oracle.flavour))
            assert (asked.algorithm, asked.lock, asked.basis) == (in_place, "NONE", "server"), sql
            assert asked.algorithm_clause == estimated.algorithm_clause


def test_foreign_keys_bring_their_tables(any_sql_server: Server) -> None:
    base = (
        "CREATE TABLE g (id INT PRIMARY KEY); CREATE TABLE p (id INT PRIMARY KEY, g INT REFERENCES g (id), "
        "CONSTRAINT pg FOREIGN KEY (g) REFERENCES g (id)); CREATE TABLE t (id INT PRIMARY KEY, p INT, up INT, "
        "CONSTRAINT tp FOREIGN KEY (p) REFERENCES p (id), CONSTRAINT tt FOREIGN KEY (up) REFERENCES t (id)); "
        "CREATE TABLE c (id INT PRIMARY KEY, t INT, CONSTRAINT ct FOREIGN KEY (t) REFERENCES t (id)); "
        "CREATE TABLE far (id INT PRIMARY KEY)"
    )
    checked = "ALTER TABLE t ADD COLUMN f INT, ADD CONSTRAINT tf FOREIGN KEY (f) REFERENCES far (id)"
    with _oracle(any_sql_server.url()) as oracle:
        before = catalog_of(base, oracle.flavour)
        for sql, session, algorithm in (
            ("ALTER TABLE t DROP FOREIGN KEY tp", "", "INSTANT" if oracle.flavour.is_mariadb else "INPLACE"),
            ("ALTER TABLE t MODIFY p INT NOT NULL", "", "COPY"),
            (checked, "", "COPY"),
            (checked, "SET foreign_key_checks = 0", "INPLACE"),
        ):
            estimated, asked = _asked(oracle, record(sql, before, oracle.flavour, session=session))
            assert difference(estimated, asked) == "", sql
            if "MODIFY" not in sql:
                assert asked.algorithm in (algorithm, "NOCOPY"), sql


#: Where a generated case once showed that the tables of costs were wrong.
_LEARNT = [
    ("CREATE TABLE t (id INT NOT NULL, a TEXT NOT NULL)", "ALTER TABLE t ADD UNIQUE KEY u (a(3))"),
    ("CREATE TABLE t (id INT NOT NULL, a TEXT NOT NULL)", "ALTER TABLE t ADD UNIQUE KEY u (id)"),
    ("CREATE TABLE t (id INT PRIMARY KEY, g INT AS (id % 7) VIRTUAL, a INT)", "ALTER TABLE t ADD z INT AFTER id"),
    ("CREATE TABLE t (id INT PRIMARY KEY, g INT AS (id % 7) VIRTUAL, a INT)", "ALTER TABLE t ADD z INT AFTER g"),
    ("CREATE TABLE t (id INT PRIMARY KEY, g INT AS (id % 7) STORED, a INT)", "ALTER TABLE t ADD z INT AFTER id"),
    (
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, g INT AS (a) VIRTUAL)",
        "ALTER TABLE t ADD z INT AS (a) VIRTUAL FIRST",
    ),
    ("CREATE TABLE t (a INT, id INT AUTO_INCREMENT PRIMARY KEY)", "ALTER TABLE t ADD z INT AS (a) VIRTUAL FIRST"),
    ("CREATE TABLE t (a INT, id INT AUTO_INCREMENT PRIMARY KEY)", "ALTER TABLE t ADD z INT AS (a) VIRTUAL AFTER id"),
    ("CREATE TABLE t (a INT, id INT AUTO_INCREMENT PRIMARY KEY)", "ALTER TABLE t ADD z INT FIRST"),
]

_HASHED = "CREATE TABLE t (id INT PRIMARY KEY, a TEXT NOT NULL, b INT, UNIQUE KEY k0 (b, a), KEY k1 (b))"
#: Changes of a table with a unique key over a whole TEXT, which only MariaDB has.
_OF_HASHED = (
    "ADD z INT",
    "COMMENT = 'x'",
    "RENAME TO u",
    "RENAME INDEX k0 TO k2",
    "DROP INDEX k0",
    "DROP INDEX k1",
    "DROP INDEX k0, ADD z INT",
    "DROP INDEX k0, DROP INDEX k1",
    "ALTER b SET DEFAULT 5",
    "RENAME COLUMN b TO c",
    "ADD INDEX k3 (b)",
    "AUTO_INCREMENT = 7",
    "FORCE",
)


@pytest.mark.parametrize("version", [None, "11.8"])
def test_what_a_hashed_key_costs(version: str | None, make_server: MakeServer) -> None:
    wrong = []
    with _oracle(make_server("mariadb", version=version).url()) as oracle:
        for action in _OF_HASHED:
            recorded = record(f"ALTER TABLE t {action}", catalog_of(_HASHED, oracle.flavour), oracle.flavour)
            if different := difference(*_asked(oracle, recorded)):
                wrong.append(f"{action}: {different}")
        without = record(
            "ALTER TABLE t ADD UNIQUE KEY k0 (a)",
            catalog_of("CREATE TABLE t (id INT PRIMARY KEY, a TEXT NOT NULL)", oracle.flavour),
            oracle.flavour,
        )
        assert difference(*_asked(oracle, without)) == ""
    assert not wrong, "\n".join(wrong)


def test_what_the_tables_of_costs_learnt_from_servers(any_sql_server: Server) -> None:
    with _oracle(any_sql_server.url()) as oracle:
        for base, sql in _LEARNT:
            estimated, asked = _asked(oracle, record(sql, catalog_of(base, oracle.flavour), oracle.flavour))
            assert difference(estimated, asked) == "", (base, sql)


def test_a_refusal_is_the_answer(mysql_server: Server) -> None:
    with _oracle(mysql_server.url()) as oracle:
        recorded = _recorded("add column z json default '{}'", oracle.flavour)
        _, asked = _asked(oracle, recorded)
    assert asked.refusal is not None
    assert (asked.refusal.errno, asked.algorithm, asked.basis) == (1101, "NONE", "server")


def test_the_sql_mode_is_the_servers_unless_the_app_sets_it(mariadb_server: Server) -> None:
    """MariaDB's own lets a zero date be a default, MySQL's does not."""
    clause = "add column z date not null default '0000-00-00'"
    with _oracle(mariadb_server.url()) as oracle:
        assert oracle.ask(_recorded(clause, oracle.flavour)).refusal is None
        strict = "SET sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE'"
        assert oracle.ask(_recorded(clause, oracle.flavour, session=strict)).refusal is not None
        assert oracle.ask(_recorded(clause, oracle.flavour)).refusal is None


def test_one_session_leaves_nothing_to_the_next(mariadb_server: Server) -> None:
    with _oracle(mariadb_server.url()) as oracle:
        kept = _recorded(
            "add column z int", oracle.flavour, table="versioned", session="SET system_versioning_alter_history = 1"
        )
        kept = replace(kept, session=kept.session.with_variable("system_versioning_alter_history", "KEEP"))
        assert oracle.ask(kept).refusal is None
        assert oracle.ask(_recorded("add column z int", oracle.flavour, table="versioned")).refusal is not None


@pytest.mark.parametrize(
    ("sql", "session", "complete", "why"),
    [
        ("ALTER TABLE t ADD z INT, ALGORITHM=INPLACE", "", True, "it asks for an ALGORITHM or a LOCK itself"),
        ("ALTER TABLE t ADD z INT, LOCK=NONE", "", True, "it asks for an ALGORITHM or a LOCK itself"),
        ("ALTER TABLE t ADD z INT", "SET old_alter_table = 1", True, "its session asks for an algorithm itself"),
        ("ALTER TABLE u ADD z INT", "", False, "its table's definition was never seen"),
        ("ALTER TABLE other.t ADD z INT", "", False, "it is about another schema"),
        ("ALTER TABLE t RENAME TO other.t", "", True, "it is about another schema"),
        ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES other.p (id)", "", True, "it is about another schema"),
        ("ALTER TABLE t EXCHANGE PARTITION p0 WITH TABLE other.p", "", True, "it is about another schema"),
        ("ALTER TABLE t DATA DIRECTORY = '/elsewhere'", "", True, "may reach outside a scratch database"),
        ("ALTER TABLE t TABLESPACE common", "", True, "may reach outside a scratch database"),
        ("ALTER TABLE t DISCARD TABLESPACE", "", True, "may reach outside a scratch database"),
        ("ALTER TABLE t ADD z INT", "SET sql_mode = CONCAT(@@sql_mode, ',ANSI')", True, "its session's sql_mode"),
        ("ALTER TABLE t ADD z INT", "SET sql_mode = 'NO_SUCH_MODE'", True, "its session cannot be made there"),
        ("ALTER TABLE u ADD z INT", "", True, "its table is not there"),
        ("UPDATE t SET a = 1", "", True, "it is no ALTER TABLE"),
    ],
)
def test_what_cannot_be_asked(sql: str, session: str, complete: bool, why: str, mysql_server: Server) -> None:
    with _oracle(mysql_server.url()) as oracle:
        before = catalog_of("" if not complete else TABLES["plain"], oracle.flavour, complete=complete)
        with pytest.raises(UnaskedError, match=why):
            oracle.ask(record(sql, before, oracle.flavour, session=session))


def test_an_index_the_server_made_keeps_the_name_it_was_given(any_sql_server: Server) -> None:
    base = (
        "CREATE TABLE p (id INT PRIMARY KEY); CREATE TABLE t (id INT PRIMARY KEY, p INT, "
        "CONSTRAINT fk FOREIGN KEY (p) REFERENCES p (id)); ALTER TABLE t RENAME INDEX fk TO rk"
    )
    with _oracle(any_sql_server.url()) as oracle:
        recorded = record("ALTER TABLE t RENAME INDEX rk TO again", catalog_of(base, oracle.flavour), oracle.flavour)
        assert oracle.ask(recorded).refusal is None


def test_a_table_that_refers_to_another_schema_is_not_built(mysql_server: Server) -> None:
    """A foreign key into a schema of the server would lock its table, and be checked by its writers."""
    with _oracle(mysql_server.url()) as oracle:
        base = "CREATE TABLE t (id INT PRIMARY KEY, p INT, CONSTRAINT f FOREIGN KEY (p) REFERENCES other.p (id))"
        recorded = record("ALTER TABLE t ADD z INT", catalog_of(base, oracle.flavour, complete=False), oracle.flavour)
        with pytest.raises(UnaskedError, match="a foreign key leads to another schema"):
            oracle.ask(recorded)


def test_a_table_that_cannot_be_built_is_not_asked_about(mysql_server: Server) -> None:
    with _oracle(mysql_server.url()) as oracle:
        before = catalog_of("CREATE TABLE t (id INT PRIMARY KEY, u UUID)", Flavour.parse("mariadb:10.11"))
        recorded = record("ALTER TABLE t ADD z INT", before, Flavour.parse("mariadb:10.11"))
        with pytest.raises(UnaskedError, match="its table cannot be built there: "):
            oracle.ask(recorded)


def test_what_an_empty_table_cannot_tell(mysql_server: Server) -> None:
    expected = {
        "add column z int": ["a table with 255 INSTANT changes since its last rebuild refuses INSTANT (4092)"],
        "modify column a int not null": ["a row that holds NULL in a refuses it"],
        "modify column b varchar(10) null": ["a value of b that does not fit the new type refuses it"],
        "modify column d bigint null": [],
        "add unique key u (a)": ["a duplicate in u refuses it"],
        "add constraint fk1 foreign key (d) references par (id)": ["a row without its parent in fk1 refuses it"],
        "add constraint ck check (a > 0)": ["a row against ck refuses it"],
        "rename column d to dd": [],
    }
    with _oracle(mysql_server.url()) as oracle:
        found = {clause: list(_asked(oracle, _recorded(clause, oracle.flavour))[1].depends_on) for clause in expected}
    assert found == expected


class TestAnswers:
    """What is kept of the estimate, without a server."""

    def _cost(self, clause: str, answer: Answer) -> tuple[Cost, Cost]:
        flavour = Flavour.parse("mysql:9.7")
        recorded = _recorded(clause, flavour)
        node = recorded.statement.node
        assert isinstance(node, AlterTable)
        estimated = estimate(recorded, flavour)
        return estimated, with_answer(estimated, answer, node, recorded, flavour)

    def test_agreement_keeps_what_cannot_be_asked(self) -> None:
        estimated, cost = self._cost("add index i (a)", Answer("INPLACE", "NONE", None))
        assert replace(cost, basis="table", depends_on=()) == estimated
        assert cost.scans
        assert not cost.rebuild

    def test_an_unforeseen_index_build_counts_as_read(self) -> None:
        _, cost = self._cost("rename column d to dd", Answer("INPLACE", "NONE", False))
        assert (cost.rebuild, cost.scans, cost.stalls_replicas) == (False, True, True)

    def test_a_rebuild_that_could_not_be_seen_is_assumed(self) -> None:
        _, cost = self._cost("rename column d to dd", Answer("INPLACE", "NONE", None))
        assert cost.rebuild

    def test_a_new_table_costs_nothing_whatever_the_server_says(self) -> None:
        flavour = Flavour.parse("mysql:9.7")
        recorded = _recorded("modify column d bigint null", flavour)
        node = recorded.statement.node
        assert isinstance(node, AlterTable)
        estimated = replace(estimate(recorded, flavour), new_table=True)
        cost = with_answer(estimated, Answer("COPY", "SHARED", True), node, recorded, flavour)
        assert (cost.new_table, cost.blocks_writes, cost.stalls_replicas) == (True, False, False)


class TestServersThatDoNotHelp:
    def test_without_the_right_to_look_a_rebuild_is_not_seen(self, any_sql_server: Server) -> None:
        pattern = PREFIX.replace("_", "\\_") + "%"
        _run(
            any_sql_server.url(),
            "DROP USER IF EXISTS plain_user",
            "CREATE USER plain_user IDENTIFIED BY 'just-a-test'",
            f"GRANT ALL PRIVILEGES ON `{pattern}`.* TO plain_user",
        )
        url = sqlalchemy.make_url(any_sql_server.url()).set(username="plain_user", password="just-a-test")
        with _oracle(url.render_as_string(hide_password=False)) as oracle:
            recorded = _recorded("force", oracle.flavour)
            assert oracle.ask(recorded) == Answer("INPLACE", "NONE", None)
            assert _asked(oracle, recorded)[1].rebuild
        _run(any_sql_server.url(), "DROP USER plain_user")

    def test_without_the_right_to_make_a_database(self, any_sql_server: Server) -> None:
        _run(
            any_sql_server.url(),
            "DROP USER IF EXISTS no_user",
            "CREATE USER no_user IDENTIFIED BY 'just-a-test'",
        )
        url = sqlalchemy.make_url(any_sql_server.url()).set(username="no_user", password="just-a-test")
        with (
            pytest.raises(UsageError, match="does not let us make a database") as refusal,
            scratch(url.render_as_string(hide_password=False)),
        ):
            pass
        assert "just-a-test" not in str(refusal.value)
        _run(any_sql_server.url(), "DROP USER no_user")

    def test_one_that_dies(self, make_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scratch_module, "RETURN_SECONDS", 0.1)
        server = make_server("mariadb")
        with pytest.raises(UsageError, match="the server ended the connection while it ran"):
            self._ask_and_kill(server)

    def _ask_and_kill(self, server: Server) -> None:
        with _oracle(server.url()) as oracle:
            server.kill()
            oracle.ask(_recorded("add column z int", oracle.flavour))

    @pytest.mark.parametrize("target", ["mariadb:9.7", "mysql:8.4", "mysql:9.6"])
    def test_another_than_the_plan_is_for(self, target: str) -> None:
        with pytest.raises(UsageError, match=r"the server to ask is mysql:9\.7\.4.*--target mysql:9\.7"):
            must_match(Flavour.parse(target), Flavour.parse("mysql:9.7.4"))

    @pytest.mark.parametrize("target", ["mysql:9.7", "mysql:9", "mysql:9.7.1"])
    def test_the_one_the_plan_is_for(self, target: str) -> None:
        must_match(Flavour.parse(target), Flavour.parse("mysql:9.7.4"))


_RELEASE = (
    'op.execute("ALTER TABLE users MODIFY nick VARCHAR(300)")',
    'op.create_index("ix_name", "users", ["name"])',
    'op.add_column("users", sa.Column("age", sa.Integer))',
    'op.create_table("fresh", sa.Column("id", sa.Integer, primary_key=True))',
    'op.add_column("fresh", sa.Column("age", sa.Integer))',
    'op.execute("ALTER TABLE users ADD zip INT, ALGORITHM=INPLACE")',
)

ADD_SOMETHING = _RELEASE[2]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


class TestPlan:
    """`zdmigrate plan --server URL`, as a person runs it."""

    def test_costs_are_the_servers(self, app: App, any_sql_server: Server) -> None:
        app.users(*_RELEASE)
        document = app.plan("--from", "aaaa1", "--server", any_sql_server.url())
        changes = document["revisions"][0]["changes"]
        costs = [(item["cost"]["algorithm"], item["cost"]["basis"]) for item in changes]
        mariadb = any_sql_server.kind == "mariadb"
        assert document["target"]["flavour"] == any_sql_server.kind
        # 50 characters of utf8mb4 are 200 bytes, 300 are 1,200: MariaDB rebuilds nothing for a longer length field.
        assert costs[0] == ("INSTANT" if mariadb else "COPY", "server")
        assert costs[1:3] == [("NOCOPY" if mariadb else "INPLACE", "server"), ("INSTANT", "server")]
        assert [basis for _, basis in costs[3:]] == ["table"] * 3
        assert any(note.startswith("3 costs asked of ") for note in document["warnings"])
        assert "bbbb2:5 keeps the cost of the table: it asks for an ALGORITHM or a LOCK itself" in document["warnings"]
        assert _scratch_databases(any_sql_server) == []

    def test_the_text_says_so_in_notes(self, app: App, mysql_server: Server) -> None:
        app.users(_RELEASE[2])
        result = app.run("plan", "--from", "aaaa1", "--server", mysql_server.url())
        assert result.code == 0, result.err
        assert "note 1 cost asked of mysql:9.7" in result.out
        assert "an empty table cannot tell: a table with 255 INSTANT changes" in result.out

    def test_the_strategy_follows(self, app: App, mysql_server: Server) -> None:
        """A table that costs less on the server than by the estimate is not carried out the dear way."""
        app.users(_RELEASE[2])
        made = app.made(target="mysql:9.7")
        (change,) = made.revisions[0].changes
        dear = replace(change.cost, algorithm="COPY", lock="SHARED", rebuild=True, scans=True, blocks_writes=True)
        from zdmigrate.plan import with_costs

        dearer = with_costs(made, {change.id: dear})
        assert dearer.revisions[0].changes[0].strategy.name == "replica-first"
        asked = ask_plan(dearer, mysql_server.url())
        assert asked.revisions[0].changes[0].strategy.name == "direct"
        assert "bbbb2:0: the table says COPY, LOCK=SHARED, rebuilt; the server INSTANT, LOCK=NONE" in asked.warnings

    def test_the_users_database_is_not_touched(self, app: App, any_sql_url: str, any_sql_server: Server) -> None:
        _run(any_sql_url, "CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(50) NOT NULL, nick VARCHAR(50))")
        _run(any_sql_url, "INSERT INTO users VALUES (1, 'a', 'b')")
        before = _run(any_sql_url, "SHOW CREATE TABLE users")
        app.users(*_RELEASE[:3])
        options = ("--from", "aaaa1", "--url", any_sql_url, "--server", any_sql_url)
        document = app.plan(*options)
        assert {item["cost"]["basis"] for item in document["revisions"][0]["changes"]} == {"server"}
        assert _run(any_sql_url, "SHOW CREATE TABLE users") == before
        assert _run(any_sql_url, "SELECT * FROM users") == [(1, "a", "b")]
        assert _scratch_databases(any_sql_server) == []

    def test_asking_ends_in_time(self, app: App, mysql_server: Server) -> None:
        app.users(*_RELEASE[:2])
        asked = ask_plan(app.made(target="mysql:9.7"), mysql_server.url(), seconds=-1)
        assert {change.cost.basis for change in asked.revisions[0].changes} == {"table"}
        assert any("s for asking were over" in note for note in asked.warnings)

    def test_nothing_to_ask(self, app: App, mysql_server: Server) -> None:
        app.users('op.execute("UPDATE users SET nick = name")')
        asked = ask_plan(app.made(target="mysql:9.7"), mysql_server.url())
        assert asked.warnings[-1].endswith("was asked for no cost: no table of old code is altered")

    def test_a_server_is_started_for_the_questions(
        self, app: App, any_sql_server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wanted: list[str] = []

        @contextmanager
        def started(target: Flavour, **options: object) -> Iterator[Throwaway]:
            wanted.append(target.vendor)
            yield Throwaway(any_sql_server.url(), "a test's server", lambda: "")
            wanted.append("ended")

        monkeypatch.setattr(servers, "throwaway", started)
        app.users(ADD_SOMETHING)
        target = {"mysql": "mysql:9.7", "mariadb": "mariadb:10.11"}[any_sql_server.kind]
        document = app.plan("--from", "aaaa1", "--throwaway", "--target", target)
        assert document["revisions"][0]["changes"][0]["cost"]["basis"] == "server"
        assert wanted == [any_sql_server.kind, "ended"]
        # With no target the plan is judged for the server that was started.
        document = app.plan("--from", "aaaa1", "--throwaway")
        assert document["target"]["flavour"] == any_sql_server.kind
        assert document["revisions"][0]["changes"][0]["cost"]["basis"] == "server"

    def test_another_server_than_the_target(self, app: App, mysql_server: Server) -> None:
        app.users(ADD_SOMETHING)
        result = app.run("plan", "--from", "aaaa1", "--target", "mariadb:10.11", "--server", mysql_server.url())
        assert result.code == 2
        assert "the plan judges for mariadb:10.11" in result.err

    def test_one_that_does_not_answer(self, app: App) -> None:
        app.users(ADD_SOMETHING)
        result = app.run("plan", "--server", "mysql+pymysql://root:word@127.0.0.1:1/")
        assert result.code == 2
        assert "cannot be used" in result.err
        assert "word" not in result.err


def _answer(oracle: Oracle, recorded: RecordedStatement) -> str:
    """Algorithm and lock, or `refused`, or `not asked: …`."""
    try:
        found = oracle.ask(recorded)
    except UnaskedError as error:
        return f"not asked: {error}"
    return "refused" if found.refusal is not None else f"{found.algorithm} {found.lock}"


def _as_it_is(oracle: Oracle, session: Session, statements: Sequence[str], asked: RecordedStatement) -> str:
    """The same, asked of the tables that the statements themselves make, with no catalog between; "" if they fail."""
    try:
        session.run("SET SESSION foreign_key_checks = 0")
        for (name,) in session.rows("SHOW TABLES"):
            session.run(f"DROP TABLE `{name}`")
        session.run("SET SESSION foreign_key_checks = 1")
        for sql in statements:
            session.run(sql)
    except SqlError:
        return ""
    node = asked.statement.node
    assert isinstance(node, AlterTable)
    found = oracle.first_accepted(node, asked)
    return "refused" if found.refusal is not None else f"{found.algorithm} {found.lock}"


def _copies_answer_alike(server: Server, flavour: Flavour, examples: int, *, fixed: bool) -> None:
    """A table built from the catalog answers like the one its statements make; where our costs differ is printed."""
    counts: Counter[str] = Counter()
    with scratch(server.url()) as made, scratch(server.url()) as direct:
        oracle, beside, session = Oracle(made), Oracle(direct), direct.connect()

        @settings(max_examples=examples, derandomize=fixed, suppress_health_check=list(HealthCheck))
        @given(cases(flavour))
        def alike(generated: Generated) -> None:
            found = recorded_case(generated.base, *generated.changes, flavour=flavour)[1]
            for place, item in enumerate(found):
                if not isinstance(item.statement.node, AlterTable) or item.refusal is not None:
                    continue
                answer = _answer(oracle, item)
                if answer.startswith("not asked"):
                    counts["not asked"] += 1
                    continue
                statements = [*generated.base.split("; "), *(one.statement.sql for one in found[:place])]
                truth = _as_it_is(beside, session, statements, item)
                if not truth:
                    return  # the server refuses what came before: no such table
                assert answer == truth, f"{statements}; {item.statement.sql}"
                counts["asked"] += 1
                estimated, cost = _asked(oracle, item)
                if cost.refusal is None and difference(estimated, cost):
                    counts["the table of costs says otherwise"] += 1
                    print(f"\n{'; '.join(statements)}; {item.statement.sql}: {difference(estimated, cost)}")

        alike()
    print(f"\n{flavour}: {dict(counts)}")


@pytest.mark.parametrize(("kind", "target"), [("mysql", "mysql:9.7"), ("mariadb", "mariadb:10.11")])
def test_a_copy_answers_like_its_table(kind: str, target: str, request: pytest.FixtureRequest) -> None:
    _copies_answer_alike(request.getfixturevalue(f"{kind}_server"), Flavour.parse(target), 15, fixed=True)


@pytest.mark.soak
@pytest.mark.parametrize(("kind", "target"), [("mysql", "mysql:9.7"), ("mariadb", "mariadb:10.11")])
def test_many_copies_answer_like_their_tables(kind: str, target: str, request: pytest.FixtureRequest) -> None:
    _copies_answer_alike(request.getfixturevalue(f"{kind}_server"), Flavour.parse(target), 500, fixed=False)
