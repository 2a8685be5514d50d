"""Every construct that breaks a simpler reader (research/histories.md, section 4), as a small history of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.history.replaying import HISTORIES, replay_of, replayed, revision, sent
from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Catalog, difference
from zdmigrate.history.recording import RecordedHistory
from zdmigrate.history.replay import ReplayOptions, replay, replay_downgrade, replay_downgrades
from zdmigrate.history.scripts import Scripts

EXPECTED: dict[str, list[tuple[str, int, str]]] = {
    "c01": [
        ("op.add_column", 10, "ALTER TABLE users ADD COLUMN nick VARCHAR(20)"),
        ("op.bulk_insert", 11, "INSERT INTO users (name) VALUES ('ann'),('bob')"),
    ],
    "c02": [
        ("op.add_column", 13, "ALTER TABLE users ADD COLUMN age INTEGER"),
        ("op.drop_column", 14, "ALTER TABLE users DROP COLUMN age"),
    ],
    "c03": [("op.add_column", 11, "ALTER TABLE users ADD COLUMN email VARCHAR(100)")],
    "c04": [("op.create_index", 12, "CREATE INDEX ix_users_email ON users (email)")],
    "c06": [("op.drop_table", 15, "DROP TABLE filters")],
    "c07": [("op.alter_column", 13, "ALTER TABLE users MODIFY nick VARCHAR(40) NULL")],
    "c08": [
        ("op.add_column", 15, "ALTER TABLE users ADD COLUMN tenant VARCHAR(36)"),
        ("op.create_index", 16, "CREATE INDEX ix_users_tenant ON users (tenant)"),
        ("op.add_column", 15, "ALTER TABLE orders ADD COLUMN tenant VARCHAR(36)"),
        ("op.create_index", 16, "CREATE INDEX ix_orders_tenant ON orders (tenant)"),
    ],
    "c09": [
        ("op.drop_constraint", 13, "ALTER TABLE orders DROP FOREIGN KEY orders_ibfk_1"),
        (
            "op.create_foreign_key",
            14,
            "ALTER TABLE orders ADD CONSTRAINT fk_orders_user FOREIGN KEY(user_id) REFERENCES users (id)",
        ),
    ],
    "c10": [
        ("op.add_column", 12, "!ALTER TABLE users ADD COLUMN nick VARCHAR(20)"),
        ("op.drop_table", 16, "!DROP TABLE never_was"),
        ("op.create_table", 18, "CREATE TABLE is_now ( id INTEGER NOT NULL AUTO_INCREMENT, PRIMARY KEY (id) )"),
        ("op.drop_index", 20, "!DROP INDEX ix_never ON users"),
    ],
    "c11": [
        ("connection", 12, "ALTER TABLE users ADD COLUMN a INT"),
        ("connection", 12, "ALTER TABLE users ADD COLUMN b INT"),
        ("connection", 13, "UPDATE users SET a = 5 WHERE b IS NULL"),
        ("connection", 14, "ALTER TABLE users DROP COLUMN b"),
    ],
    "c12": [
        ("connection", 17, "CREATE TABLE tags ( id INTEGER NOT NULL AUTO_INCREMENT, PRIMARY KEY (id) )"),
        ("connection", 18, "CREATE TABLE labels ( id INTEGER NOT NULL AUTO_INCREMENT, PRIMARY KEY (id) )"),
    ],
    "c13": [
        ("op.create_index", 11, "CREATE INDEX ix_orders_total ON orders (total)"),
        ("op.execute", 13, "UPDATE orders SET total = 0 WHERE total < 0"),
    ],
    "c14": [
        ("op.add_column", 12, "ALTER TABLE users ADD COLUMN c INTEGER"),
        ("op.create_index", 13, "CREATE INDEX ix_users_c ON users (c)"),
        ("op.drop_column", 14, "ALTER TABLE users DROP COLUMN a"),
    ],
    "c15": [
        ("op.add_column", 12, "ALTER TABLE orders ADD COLUMN currency VARCHAR(3)"),
        ("op.execute", 14, "UPDATE orders SET currency='EUR' WHERE orders.currency IS NULL"),
    ],
    "c16": [
        ("connection", 28, "?UPDATE users SET name='nobody' WHERE users.id = 1"),
        ("op.create_index", 29, "CREATE INDEX ix_users_name ON users (name)"),
    ],
    "c17": [("op.execute", 13, "?UPDATE orders SET user_id = 1 WHERE user_id IS NULL")],
    "c18": [
        ("connection", 17, "?UPDATE users SET profile = '{}' WHERE id > 0 LIMIT 100"),
        ("connection", 19, "DELETE FROM orders WHERE total = 0 LIMIT 100"),
    ],
    "c19": [("op.create_unique_constraint", 14, "ALTER TABLE users ADD CONSTRAINT uq_users_name UNIQUE (name)")],
    "c20": [
        ("op.drop_column", 13, "?ALTER TABLE users DROP COLUMN c"),
        ("op.alter_column", 15, "?ALTER TABLE users MODIFY c BIGINT NULL"),
    ],
    "c21": [("op.execute", 14, "ALTER TABLE users CONVERT TO CHARACTER SET utf8mb4")],
    "c22": [
        ("op.execute", 19, "ALTER TABLE orders DROP FOREIGN KEY fk_orders_user"),
        ("op.execute", 21, "ALTER TABLE orders ADD INDEX ix_user (user_id)"),
        ("op.execute", 23, "ALTER TABLE users DROP COLUMN nick"),
    ],
    "c23": [("op.add_column", 12, "ALTER TABLE orders ADD COLUMN note VARCHAR(120)")],
    "c24": [
        ("connection", 16, "INSERT INTO users (name) VALUES ('system')"),
        ("op.execute", 17, "?UPDATE orders SET user_id = 900000001"),
    ],
}


@pytest.fixture(scope="module")
def constructs() -> RecordedHistory:
    return replayed("constructs")


@pytest.mark.parametrize("name", EXPECTED)
def test_construct(constructs: RecordedHistory, name: str) -> None:
    recorded = revision(constructs, name)
    assert recorded.error is None
    where = [(item.source, item.line) for item in recorded.statements]
    assert list(zip(*zip(*where, strict=True), sent(recorded), strict=True)) == EXPECTED[name]
    assert {item.path for item in recorded.statements} == {recorded.path}
    assert [item.index for item in recorded.statements] == list(range(len(recorded.statements)))


def test_every_construct_reaches_its_end(constructs: RecordedHistory) -> None:
    assert {item.revision: item.error for item in constructs.revisions if item.error} == {}
    assert constructs.revisions[-1].after.complete


def test_data_decides(constructs: RecordedHistory) -> None:
    depending = [item.revision[:3] for item in constructs.revisions if item.data_dependent]
    assert depending == ["c16", "c17", "c18", "c19", "c20", "c24"]


def test_the_schema_follows_statement_by_statement(constructs: RecordedHistory) -> None:
    catalog = constructs.base
    for recorded in constructs.revisions:
        assert recorded.before == catalog
        for item in recorded.statements:
            assert difference(item.before, item.after) == item.delta
        catalog = recorded.after
    assert catalog.table("users") is not None
    assert catalog.table("filters") is None


def test_session_settings_are_followed(constructs: RecordedHistory) -> None:
    recorded = revision(constructs, "c25")
    checks = {item.statement.sql: item.session.foreign_key_checks for item in recorded.statements}
    assert checks["ALTER TABLE orders ADD COLUMN z INT"] is False
    assert checks["ALTER TABLE orders ADD COLUMN y INT"] is True
    assert "NO_ZERO_DATE" not in recorded.statements[-1].session.sql_mode
    assert "STRICT_TRANS_TABLES" in recorded.statements[-1].session.sql_mode


def test_refusals_carry_the_servers_number(constructs: RecordedHistory) -> None:
    refusals = [item.refusal.errno for item in revision(constructs, "c10").statements if item.refusal]
    assert refusals == [1060, 1051, 1091]


def test_touched_tables(constructs: RecordedHistory) -> None:
    assert revision(constructs, "c09").statements[1].touched == ("orders", "users")


def test_twice_is_the_same(constructs: RecordedHistory) -> None:
    again = replayed("constructs")
    assert [sent(item) for item in again.revisions] == [sent(item) for item in constructs.revisions]
    assert again.revisions[-1].after == constructs.revisions[-1].after


def test_on_mariadb() -> None:
    history = replayed("constructs", flavour=Flavour.parse("mariadb:10.11"))
    assert [item.revision for item in history.revisions if item.error] == []


def test_x_arguments_and_progress() -> None:
    steps: list[tuple[int, int]] = []
    scripts = Scripts.load(HISTORIES / "misbehaving" / "alembic.ini")
    options = ReplayOptions(x_arguments=("shard=7",), base=Catalog(complete=False))
    history = replay(
        scripts, options, only=["m10_x_argument"], progress=lambda done, total: steps.append((done, total))
    )
    assert sent(history.revisions[0]) == ["ALTER TABLE t ADD COLUMN shard_7 INT"]
    assert steps == [(0, 1), (1, 1)]


def test_downgrade_of_one_revision() -> None:
    scripts = Scripts.load(HISTORIES / "constructs" / "alembic.ini")
    history = replay(scripts, ReplayOptions(), only=["c00_base", "c01_injected_op"])
    down = replay_downgrade(scripts, ReplayOptions(), "c01_injected_op", history.revisions[1].after)
    assert sent(down) == ["ALTER TABLE users DROP COLUMN nick"]
    assert down.after == history.revisions[0].after


def test_downgrades_start_from_what_the_upgrade_left() -> None:
    scripts = Scripts.load(HISTORIES / "constructs" / "alembic.ini")
    history = replay(scripts, ReplayOptions(), only=["c00_base", "c05_filters"])
    first, second = replay_downgrades(scripts, ReplayOptions(), history)
    assert sent(first) == ["DROP TABLE orders", "DROP TABLE users"]
    assert sent(second) == ["DROP TABLE filters"]
    assert second.before == history.revisions[1].after


def test_a_history_that_begins_with_a_schema() -> None:
    history = replayed("preexisting")
    guarded, created, altered = history.revisions
    assert not history.base.complete
    assert guarded.error is not None
    assert guarded.error.kind == "needs_database"
    assert "the table runs" in guarded.error.message
    assert created.error is None
    assert sent(created)[0].startswith("CREATE TABLE kvs")
    assert altered.error is None
    assert len(sent(altered)) == 2


def test_a_query_that_calls_a_stored_function_is_kept(tmp_path: Path) -> None:
    body = """
    op.execute("SELECT NOW(), COUNT(*) FROM information_schema.tables")
    op.execute("SELECT wipe()")
    op.get_bind().execute(sa.text("SELECT 1 FROM DUAL WHERE shop.wipe(:a)"), {"a": 1})
    """
    (recorded,) = replay_of(tmp_path, body).revisions
    assert [item.removeprefix("?") for item in sent(recorded)] == [
        "SELECT wipe()",
        "SELECT 1 FROM DUAL WHERE shop.wipe(1)",
    ]
