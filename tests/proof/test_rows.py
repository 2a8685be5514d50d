"""Tables filled by recipe: every type, keys with little room, foreign keys, CHECKs; and what cannot be filled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from tests.proof.cases import Generated, cases
from tests.proof.support import scratch_on
from tests.servers import Server
from tests.verdict.recording import catalog_of
from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Catalog
from zdmigrate.proof.clients import reader, writer
from zdmigrate.proof.rows import CHUNK, UnfillableError, fill, recipes
from zdmigrate.proof.scratch import Scratch, Session, SqlError

_EVERY_TYPE = (
    "TINYINT", "SMALLINT UNSIGNED", "MEDIUMINT", "INT UNSIGNED", "BIGINT", "TINYINT(1)", "DECIMAL(10,2)",
    "DECIMAL(3,3)", "DECIMAL(5,0) UNSIGNED", "FLOAT", "DOUBLE", "BIT(1)", "BIT(12)", "CHAR(1)", "CHAR(3)",
    "VARCHAR(5)", "VARCHAR(200)",
    "VARCHAR(20) CHARACTER SET latin1", "TINYTEXT", "TEXT", "LONGTEXT", "BINARY(4)", "VARBINARY(30)", "BLOB",
    "ENUM('n','it''s','c')", "SET('a','b')", "DATE", "DATETIME(6)", "TIMESTAMP", "TIME(3)", "YEAR", "JSON", "POINT",
)  # fmt: skip


@pytest.fixture
def made(any_sql_server: Server) -> Iterator[tuple[Scratch, Flavour]]:
    with scratch_on(any_sql_server.url()) as found:
        yield found


def _filled(made: tuple[Scratch, Flavour], base: str, rows: int, *wanted: str) -> tuple[Session, Catalog]:
    catalog = catalog_of(base, made[1])
    session = made[0].connect()
    session.run("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ENGINE_SUBSTITUTION'")
    for sql in base.split(";"):
        session.run(sql)
    for recipe in recipes(catalog, wanted or ("t",), rows):
        fill(session, recipe)
    return session, catalog


def _count(session: Session, table: str = "t") -> int:
    return int(session.rows(f"SELECT COUNT(*) FROM {table}")[0][0])


def test_every_type_has_values_of_its_own(made: tuple[Scratch, Flavour]) -> None:
    columns = ", ".join(f"c{number} {kind} NOT NULL" for number, kind in enumerate(_EVERY_TYPE))
    session, catalog = _filled(made, f"CREATE TABLE t (id INT PRIMARY KEY, {columns})", 2_000)
    assert _count(session) == 2_000
    (recipe,) = recipes(catalog, ["t"], 2_000)
    assert (recipe.rows, recipe.gaps, len(recipe.expressions)) == (2_000, (), len(_EVERY_TYPE) + 1)
    different = ", ".join(f"COUNT(DISTINCT c{number})" for number, kind in enumerate(_EVERY_TYPE) if kind != "POINT")
    assert min(session.rows(f"SELECT {different} FROM t")[0]) >= 2


#: Generated schemas that are filled.
_EXAMPLES = 20
_LOOSE = ("TEXT", "TINYTEXT", "LONGTEXT", "BLOB", "JSON", "POINT")


@pytest.mark.parametrize("kind", [kind for kind in _EVERY_TYPE if kind not in _LOOSE])
def test_a_unique_key_holds_what_its_type_has_room_for(kind: str, mariadb_server: Server) -> None:
    base = f"CREATE TABLE t (id INT PRIMARY KEY, u {kind} NOT NULL, UNIQUE KEY (u))"
    with scratch_on(mariadb_server.url()) as made:
        session, catalog = _filled(made, base, 3_000)
        (recipe,) = recipes(catalog, ["t"], 3_000)
        assert _count(session) == recipe.rows
        assert recipe.rows >= 2


def test_columns_of_a_key_count_together(made: tuple[Scratch, Flavour]) -> None:
    base = (
        "CREATE TABLE t (a TINYINT, b ENUM('x','y','z'), c CHAR(1), d INT NOT NULL, PRIMARY KEY (a, b, c), "
        "UNIQUE KEY half (d, a))"
    )
    session, _ = _filled(made, base, 5_000)
    assert _count(session) == 5_000


def test_a_key_without_room_limits_the_rows(made: tuple[Scratch, Flavour]) -> None:
    session, catalog = _filled(made, "CREATE TABLE t (id TINYINT PRIMARY KEY, n INT)", 5_000)
    (recipe,) = recipes(catalog, ["t"], 5_000)
    assert (_count(session), recipe.rows, recipe.endless) == (126, 126, False)


def test_a_key_over_prefixes(made: tuple[Scratch, Flavour]) -> None:
    session, _ = _filled(made, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(80), UNIQUE KEY (v(4)))", 40_000)
    assert _count(session) == 40_000


def test_foreign_keys_find_their_parents(made: tuple[Scratch, Flavour]) -> None:
    base = (
        "CREATE TABLE a (id BIGINT UNSIGNED PRIMARY KEY, code CHAR(8) NOT NULL, UNIQUE KEY code (code));"
        "CREATE TABLE b (x INT, y INT, PRIMARY KEY (x, y));"
        "CREATE TABLE t (a BIGINT UNSIGNED NOT NULL, bx INT NOT NULL, byy INT NOT NULL, code CHAR(8), up INT, id INT, "
        "PRIMARY KEY (a, bx, byy), UNIQUE KEY (id), CONSTRAINT f1 FOREIGN KEY (a) REFERENCES a (id), "
        "CONSTRAINT f2 FOREIGN KEY (bx, byy) REFERENCES b (x, y), CONSTRAINT f3 FOREIGN KEY (code) "
        "REFERENCES a (code), CONSTRAINT f4 FOREIGN KEY (up) REFERENCES t (id))"
    )
    session, _ = _filled(made, base, 4_000)
    assert [_count(session, name) for name in ("a", "b", "t")] == [1_000, 1_000, 4_000]
    joined = "t JOIN a ON t.a = a.id JOIN a AS a2 ON t.code = a2.code JOIN b ON (t.bx, t.byy) = (b.x, b.y)"
    assert _count(session, joined) == 4_000


def test_a_parent_met_once_has_a_row_for_every_child(made: tuple[Scratch, Flavour]) -> None:
    base = (
        "CREATE TABLE p (id INT PRIMARY KEY); CREATE TABLE t (id INT PRIMARY KEY, p INT NOT NULL, UNIQUE KEY (p), "
        "CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id))"
    )
    session, _ = _filled(made, base, 3_000)
    assert (_count(session, "p"), _count(session)) == (3_000, 3_000)


def test_circles_and_rows_that_point_at_themselves(made: tuple[Scratch, Flavour]) -> None:
    base = (
        "CREATE TABLE t (id INT PRIMARY KEY, own INT NOT NULL, o INT, "
        "CONSTRAINT f FOREIGN KEY (own) REFERENCES t (id));"
        "CREATE TABLE o (id INT PRIMARY KEY, t INT NOT NULL, CONSTRAINT g FOREIGN KEY (t) REFERENCES t (id));"
        "ALTER TABLE t ADD CONSTRAINT h FOREIGN KEY (o) REFERENCES o (id)"
    )
    session, _ = _filled(made, base, 500, "t", "o")
    assert _count(session, "t JOIN t AS self ON t.own = self.id") == 500
    assert _count(session, "o JOIN t ON o.t = t.id") == 500


def test_values_that_a_check_lists(made: tuple[Scratch, Flavour]) -> None:
    base = (
        "CREATE TABLE t (id INT PRIMARY KEY, on_off TINYINT(1) NOT NULL, state VARCHAR(10) NOT NULL, "
        "CONSTRAINT c1 CHECK (on_off IN (0, 1)), CONSTRAINT c2 CHECK (state IN ('new', 'it''s')))"
    )
    session, _ = _filled(made, base, 100)
    assert sorted(session.rows("SELECT DISTINCT state FROM t")) == [("it's",), ("new",)]
    assert sorted(session.rows("SELECT DISTINCT on_off FROM t")) == [(0,), (1,)]


def test_a_live_server_spells_quotes_its_own_way() -> None:
    base = (
        "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(9), CONSTRAINT c CHECK (s IN (_utf8mb4'a', _utf8mb4'it\\'s')))"
    )
    (recipe,) = recipes(catalog_of(base, Flavour.parse("mysql:9.7")), ["t"], 10)
    assert recipe.value("s", 7) == "ELT(1 + 7 MOD 2, 'a', 'it''s')"


@pytest.mark.parametrize(("kind", "target"), [("mysql", "mysql:9.7"), ("mariadb", "mariadb:10.11")])
def test_generated_schemas_are_filled_and_old_code_goes_on(
    kind: str, target: str, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(f"{kind}_server")
    with scratch_on(server.url()) as (made, _):

        @settings(max_examples=_EXAMPLES, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(cases(Flavour.parse(target)))
        def goes_on(generated: Generated) -> None:
            made.empty()
            _goes_on(made, generated.base, Flavour.parse(target))

        goes_on()


def _goes_on(made: Scratch, base: str, flavour: Flavour) -> None:
    catalog, session = catalog_of(base, flavour), made.connect()
    try:
        for sql in base.split("; "):
            session.run(sql)
    except SqlError:
        return  # the server refuses the schema
    for recipe in recipes(catalog, list(catalog.tables), 40):
        fill(session, recipe)
        assert _count(session, recipe.table) == recipe.rows
        assert recipe.rows == 40 or not recipe.endless
        session.run("SET SESSION foreign_key_checks = 1")
        table = catalog.tables[recipe.table]
        columns = [item.name for item in table.columns]
        write = writer(table, recipe, columns)
        for statement in [reader(table, recipe, columns), *([write] if write is not None else [])]:
            for number in range(4):
                session.run(statement(number))


def test_a_check_nobody_can_guess(made: tuple[Scratch, Flavour]) -> None:
    with pytest.raises(UnfillableError, match=r"t cannot be filled with rows: (3819|4025)"):
        _filled(made, "CREATE TABLE t (id INT PRIMARY KEY, n INT, CONSTRAINT c CHECK (n > 1000000))", 10)


def test_more_rows_than_one_piece(made: tuple[Scratch, Flavour]) -> None:
    heard: list[int] = []
    session = made[0].connect()
    session.run("CREATE TABLE t (id INT PRIMARY KEY)")
    (recipe,) = recipes(catalog_of("CREATE TABLE t (id INT PRIMARY KEY)", made[1]), ["t"], CHUNK + 17)
    fill(session, recipe, heard.append)
    assert heard == [CHUNK, 17]
    assert _count(session) == CHUNK + 17
    assert session.rows("SELECT MIN(id), MAX(id) FROM t")[0] == (1, CHUNK + 17)
