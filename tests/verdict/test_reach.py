"""Where manifests prove nothing, as old code gets at a table or column through objects of the database."""

from __future__ import annotations

import pytest

from tests.verdict.support import judged, manifest
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.judge import Judgement
from zdmigrate.verdict.model import Verdict
from zdsession.manifest import Manifest, MappedColumn

Columns = dict[str, MappedColumn | str]

MYSQL = Flavour.parse("mysql:8.4")
MARIADB = Flavour.parse("mariadb:10.11")

SHOP = """
CREATE TABLE teams (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL);
CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL, nick VARCHAR(50), price INT,
    team_id INT);
CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, user_id INT NOT NULL, price INT NOT NULL DEFAULT 0);
CREATE TABLE audit (id INT AUTO_INCREMENT PRIMARY KEY, uid INT, what VARCHAR(20));
CREATE TABLE other (id INT AUTO_INCREMENT PRIMARY KEY, nick VARCHAR(50), price INT, what VARCHAR(20));
"""
ORDERS: Columns = {"id": "INT NOT NULL", "user_id": "INT NOT NULL"}
USERS: Columns = {"id": "INT NOT NULL", "name": "VARCHAR(50) NOT NULL"}
MAPPED = manifest(users=USERS, orders=ORDERS)

#: A trigger on a mapped table that goes on into what nobody maps; a procedure and an event do the same.
AUDITED = (
    "CREATE TRIGGER users_ai AFTER INSERT ON users FOR EACH ROW INSERT INTO audit (uid, what) VALUES (NEW.id, 'a')"
)
PRICED = "CREATE TRIGGER orders_ai AFTER INSERT ON orders FOR EACH ROW UPDATE users SET price = price + 1"
NICKED = "CREATE TRIGGER users_bi BEFORE INSERT ON users FOR EACH ROW SET NEW.nick = NEW.name"
PROCEDURE = "CREATE PROCEDURE tidy() UPDATE users SET nick = NULL"
EVENT = "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO UPDATE users SET nick = NULL"
FUNCTION = "CREATE FUNCTION best() RETURNS INT DETERMINISTIC RETURN (SELECT MAX(price) FROM users)"
#: Objects that lead to nothing of the above.
HARMLESS = """
CREATE TRIGGER orders_bi BEFORE INSERT ON orders FOR EACH ROW SET NEW.price = 1;
CREATE TRIGGER users_au AFTER UPDATE ON users FOR EACH ROW INSERT INTO other (nick, price, what) VALUES ('a', 1, 'b');
CREATE PROCEDURE others() UPDATE other SET nick = 'x', price = 2, what = 'c';
CREATE VIEW others_v AS SELECT id, nick, price, what FROM other;
"""


def run(
    base: str, *statements: str, mapped: Manifest = MAPPED, flavour: Flavour = MYSQL, others: str = ""
) -> Judgement:
    """What is said of the last statement."""
    return judged(f"{SHOP};{base};{others}", *statements, manifests=[mapped], flavour=flavour)[-1]


def agrees(base: str, *statements: str, mapped: Manifest = MAPPED, why: str, flavour: Flavour = MYSQL) -> None:
    """The verdict is the one without manifests, it is not safe, and a finding says why in these words."""
    found = run(base, *statements, mapped=mapped, flavour=flavour)
    plain = judged(f"{SHOP};{base}", *statements, flavour=flavour)[-1]
    assert (found.old, found.new, found.phase) == (plain.old, plain.new, plain.phase)
    assert found.old > Verdict.SAFE
    assert any(item.reason.endswith(why) for item in found.findings), [item.reason for item in found.findings]
    assert not any(item.evidence for item in found.findings if item.old is not Verdict.SAFE)


AUDIT_CHANGES = [
    "DROP TABLE audit",
    "RENAME TABLE audit TO audit_log",
    "ALTER TABLE audit DROP COLUMN what",
    "ALTER TABLE audit RENAME COLUMN what TO act",
    "ALTER TABLE audit ADD COLUMN host VARCHAR(10) NOT NULL",
    "ALTER TABLE audit MODIFY what VARCHAR(2)",
    "ALTER TABLE audit MODIFY what VARCHAR(20) NOT NULL",
    "ALTER TABLE audit MODIFY id INT NOT NULL",
    "ALTER TABLE audit ADD UNIQUE KEY u (what)",
    "ALTER TABLE audit ADD CONSTRAINT c CHECK (what <> 'a')",
    "ALTER TABLE audit ADD CONSTRAINT f FOREIGN KEY (uid) REFERENCES teams (id)",
    "CREATE TRIGGER ta BEFORE INSERT ON audit FOR EACH ROW SIGNAL SQLSTATE '45000'",
]


@pytest.mark.parametrize("flavour", [MYSQL, MARIADB], ids=str)
@pytest.mark.parametrize("change", AUDIT_CHANGES)
def test_a_table_that_a_trigger_of_a_mapped_table_fills(change: str, flavour: Flavour) -> None:
    found = run(AUDITED, change, flavour=flavour)
    plain = judged(f"{SHOP};{AUDITED}", change, flavour=flavour)[-1]
    assert found.old is plain.old is Verdict.UNSAFE
    assert found.phase is plain.phase
    assert any("trigger users_ai" in item.reason.lower() for item in found.findings)


@pytest.mark.parametrize("flavour", [MYSQL, MARIADB], ids=str)
@pytest.mark.parametrize("change", AUDIT_CHANGES)
def test_a_table_that_nothing_names_stays_proved(change: str, flavour: Flavour) -> None:
    assert run("", change, flavour=flavour, others=HARMLESS).old in (Verdict.SAFE, Verdict.CONDITIONAL)
    assert run("", change, flavour=flavour, others=HARMLESS) == run("", change, flavour=flavour)


def test_a_trigger_of_a_table_nobody_reaches_reaches_nothing() -> None:
    lonely = "CREATE TRIGGER other_ai AFTER INSERT ON other FOR EACH ROW INSERT INTO audit (uid) VALUES (1)"
    assert run(lonely, "ALTER TABLE audit DROP COLUMN uid").old is Verdict.SAFE


def test_triggers_lead_to_triggers() -> None:
    chain = (
        "CREATE TRIGGER users_ad AFTER DELETE ON users FOR EACH ROW INSERT INTO other (nick) VALUES ('x'); "
        "CREATE TRIGGER other_ai AFTER INSERT ON other FOR EACH ROW INSERT INTO audit (uid) VALUES (1)"
    )
    agrees(
        chain,
        "ALTER TABLE audit DROP COLUMN uid",
        why="Manifests do not map audit.uid, but trigger other_ai names it.",
    )


def test_triggers_lead_on_over_a_table_never_seen() -> None:
    chain = (
        "CREATE TABLE users (id INT PRIMARY KEY); CREATE TABLE audit (id INT PRIMARY KEY, uid INT); "
        "CREATE TRIGGER users_ad AFTER DELETE ON users FOR EACH ROW INSERT INTO unseen (nick) VALUES ('x'); "
        "CREATE TRIGGER unseen_ai AFTER INSERT ON unseen FOR EACH ROW INSERT INTO audit (uid) VALUES (1)"
    )
    drop = "ALTER TABLE audit DROP COLUMN uid"
    (found,) = judged(chain, drop, manifests=[manifest(users={"id": "INT NOT NULL"})], complete=False)
    assert found.old is Verdict.UNSAFE
    (found,) = judged(chain, drop, manifests=[manifest(orders={"id": "INT NOT NULL"})], complete=False)
    assert found.old is Verdict.SAFE


@pytest.mark.parametrize(
    ("base", "who"),
    [(PRICED, "trigger orders_ai"), (FUNCTION, "function best")],
)
@pytest.mark.parametrize(
    "change", ["ALTER TABLE users DROP COLUMN price", "ALTER TABLE users RENAME COLUMN price TO cost"]
)
def test_a_column_that_an_object_names(base: str, who: str, change: str) -> None:
    agrees(base, change, why=f"Manifests do not map users.price, but {who} names it.")


@pytest.mark.parametrize("base", [NICKED, PROCEDURE, EVENT])
@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE users MODIFY nick VARCHAR(5)",
        "ALTER TABLE users RENAME COLUMN nick TO handle",
        "ALTER TABLE users MODIFY nick VARCHAR(50) AS (name) STORED",
        "ALTER TABLE users ADD UNIQUE KEY un (nick)",
    ],
)
def test_a_column_that_a_trigger_sets_or_a_routine_names(base: str, change: str) -> None:
    who = {NICKED: "trigger users_bi", PROCEDURE: "procedure tidy", EVENT: "event nightly"}[base]
    agrees(base, change, why=f"Manifests do not map users.nick, but {who} names it.")


@pytest.mark.parametrize("base", [PROCEDURE, EVENT])
def test_what_a_routine_names_is_not_proved_to_go(base: str) -> None:
    agrees(base, "ALTER TABLE users DROP COLUMN nick", why="names it.")


def test_an_altered_event_keeps_its_body() -> None:
    agrees(f"{EVENT}; ALTER EVENT nightly ENABLE", "ALTER TABLE users DROP COLUMN nick", why="event nightly names it.")


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE users DROP COLUMN price",
        "ALTER TABLE users DROP COLUMN nick",
        "ALTER TABLE users RENAME COLUMN nick TO handle",
        "ALTER TABLE users MODIFY nick VARCHAR(5)",
        "ALTER TABLE users ADD UNIQUE KEY un (nick)",
    ],
)
def test_a_column_of_the_same_name_in_another_table_leaves_the_proof(change: str) -> None:
    assert run("", change, others=HARMLESS) == run("", change)
    assert run("", change).old in (Verdict.SAFE, Verdict.CONDITIONAL)


def test_the_proof_holds_again_once_the_object_is_gone() -> None:
    assert run(PRICED, "DROP TRIGGER orders_ai", "ALTER TABLE users DROP COLUMN price").old is Verdict.SAFE
    assert run(PROCEDURE, "DROP PROCEDURE tidy", "ALTER TABLE users DROP COLUMN nick").old is Verdict.SAFE


def test_a_trigger_made_earlier_in_the_release_counts() -> None:
    agrees(
        "", PRICED, "ALTER TABLE users DROP COLUMN price",
        why="Manifests do not map users.price, but trigger orders_ai names it.",
    )  # fmt: skip


def test_it_is_found_by_the_name_of_before_a_rename() -> None:
    found = run(AUDITED, "RENAME TABLE audit TO audit_log", "ALTER TABLE audit_log DROP COLUMN what")
    assert found.old is Verdict.UNSAFE


VIEW = "CREATE VIEW v_users AS SELECT id, nick FROM users"
ONLY_VIEW = manifest(v_users={"id": "INT NOT NULL", "nick": "VARCHAR(50)"})


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE users RENAME COLUMN nick TO handle",
        "ALTER TABLE users MODIFY nick VARCHAR(5)",
        "ALTER TABLE users ADD COLUMN host VARCHAR(10) NOT NULL",
        "RENAME TABLE users TO people",
        "UPDATE users SET nick = 'x'",
        "DELETE FROM users",
    ],
)
def test_what_code_reads_through_a_view(change: str) -> None:
    agrees(VIEW, change, mapped=ONLY_VIEW, why="view v_users names it.")


def test_a_view_over_a_view_and_a_star() -> None:
    over = f"{VIEW}; CREATE VIEW outer_v AS SELECT * FROM v_users"
    mapped = manifest(outer_v={"id": "INT NOT NULL"})
    agrees(over, "ALTER TABLE users MODIFY nick VARCHAR(5)", mapped=mapped, why="view v_users names it.")
    star = "CREATE VIEW all_v AS SELECT * FROM users"
    found = run(star, "ALTER TABLE users DROP COLUMN price", mapped=manifest(all_v={"id": "INT NOT NULL"}))
    assert found.old is Verdict.UNSAFE


def test_a_view_breaks_with_its_column() -> None:
    found = run(VIEW, "ALTER TABLE users DROP COLUMN nick", mapped=ONLY_VIEW)
    assert found.old is Verdict.UNSAFE
    assert any("view v_users" in item.reason and "1356" in item.reason for item in found.findings)


def test_what_the_view_leaves_out_stays_proved() -> None:
    assert run(VIEW, "ALTER TABLE users DROP COLUMN price", mapped=ONLY_VIEW).old is Verdict.SAFE
    assert run(VIEW, "ALTER TABLE users DROP COLUMN nick").old is Verdict.SAFE  # nobody maps or names the view


FK = "ALTER TABLE users ADD CONSTRAINT ft FOREIGN KEY (team_id) REFERENCES teams (id)"
CASCADE = f"{FK} ON DELETE CASCADE ON UPDATE CASCADE"
TEAMED = manifest(users={**USERS, "team_id": "INT"})
REFERENCED = "Manifests do not map teams, but foreign key ft of users references it."


@pytest.mark.parametrize("change", ["DROP TABLE teams", "TRUNCATE TABLE teams", "DELETE FROM teams"])
def test_a_parent_goes_from_under_a_foreign_key(change: str) -> None:
    agrees(FK, "SET foreign_key_checks=0", change, mapped=TEAMED, why=REFERENCED)


def test_a_parent_changes_without_foreign_key_checks() -> None:
    off = "SET foreign_key_checks=0"
    why = "Manifests do not map teams.id, but foreign key ft of users references it."
    agrees(FK, off, "UPDATE teams SET id = id + 100", mapped=TEAMED, why=why)
    assert run(FK, off, "UPDATE teams SET name = 'x'", mapped=TEAMED).old is Verdict.SAFE
    again = "CREATE OR REPLACE TABLE teams (id INT PRIMARY KEY)"
    agrees(FK, off, again, mapped=TEAMED, why=REFERENCED, flavour=MARIADB)


def test_a_parent_of_what_nobody_maps_goes() -> None:
    only_orders = manifest(orders=ORDERS)
    assert run(FK, "SET foreign_key_checks=0", "DROP TABLE teams", mapped=only_orders).old is Verdict.SAFE
    assert run(FK, "ALTER TABLE users DROP FOREIGN KEY ft", "DROP TABLE teams", mapped=TEAMED).old is Verdict.SAFE
    assert run(FK, "RENAME TABLE teams TO groups_", mapped=TEAMED).old is Verdict.SAFE  # the server lets it follow


def test_an_update_carried_on_into_a_mapped_table() -> None:
    agrees(
        CASCADE, "UPDATE teams SET id = id + 100", mapped=TEAMED,
        why="Manifests do not map teams.id, but foreign key ft carries the change into users.",
    )  # fmt: skip
    assert run(CASCADE, "UPDATE teams SET name = 'x'", mapped=TEAMED).old is Verdict.SAFE
    assert run(FK, "UPDATE teams SET id = id + 100", mapped=TEAMED).old is Verdict.SAFE


def test_a_delete_carried_on_over_a_table_nobody_maps() -> None:
    chain = (
        "ALTER TABLE audit ADD CONSTRAINT fa FOREIGN KEY (uid) REFERENCES teams (id) ON DELETE CASCADE; "
        "ALTER TABLE users ADD CONSTRAINT fb FOREIGN KEY (team_id) REFERENCES audit (id) ON DELETE CASCADE"
    )
    agrees(
        chain, "DELETE FROM teams WHERE id = 1", mapped=TEAMED,
        why="Manifests do not map teams, but foreign key fb carries the change into users.",
    )  # fmt: skip


def test_a_generated_column_shows_what_it_is_made_of() -> None:
    made = "ALTER TABLE users ADD full_name VARCHAR(101) AS (CONCAT(name, COALESCE(nick, ''))) STORED"
    mapped = manifest(users={**USERS, "full_name": "VARCHAR(101)"})
    agrees(
        made, "UPDATE users SET nick = 'x'", mapped=mapped,
        why="Manifests do not map users.nick, but generated column full_name is made of it.",
    )  # fmt: skip
    assert run(made, "UPDATE users SET nick = 'x'").old is Verdict.SAFE  # nobody maps the generated column
    assert run(made, "UPDATE users SET price = 1", mapped=mapped).old is Verdict.SAFE


def test_a_log_that_is_only_filled_may_be_pruned() -> None:
    assert run(AUDITED, "DELETE FROM audit WHERE id < 100").old is Verdict.SAFE
    reads = "CREATE PROCEDURE report() SELECT what FROM audit"
    agrees(f"{AUDITED}; {reads}", "DELETE FROM audit WHERE id < 100", why="procedure report names it.")


def test_a_manifest_that_makes_it_worse_still_does() -> None:
    """Without manifests any name fits; a manifest says that code decodes two names only."""
    reads = "CREATE PROCEDURE names() SELECT name FROM users"
    mapped = manifest(users={"id": "INT NOT NULL", "name": "ENUM('a','b') NOT NULL"})
    insert = "INSERT INTO users (name) VALUES ('z')"
    assert judged(f"{SHOP};{reads}", insert)[-1].old is Verdict.SAFE
    assert run(reads, insert, mapped=mapped).old is run("", insert, mapped=mapped).old is Verdict.UNSAFE


def test_the_remedy_asks_for_no_manifest_where_manifests_do_not_help() -> None:
    for change in ("DROP TABLE audit", "ALTER TABLE audit DROP COLUMN what"):
        (said,) = run(f"{AUDITED}; CREATE PROCEDURE p() SELECT what FROM audit", change).findings
        assert said.remedy
        assert "Prove it with" not in said.remedy


def test_a_log_is_named_beside_a_trigger_that_is_created() -> None:
    """A second trigger that fills the same log stays proved, one that changes what a view shows does not."""
    orders = "CREATE TRIGGER orders_au AFTER UPDATE ON orders FOR EACH ROW "
    assert run(AUDITED, f"{orders} INSERT INTO audit (uid, what) VALUES (1, 'b')").old is Verdict.SAFE
    prices = f"{orders} UPDATE users SET price = 1"
    assert run("", prices).old is Verdict.SAFE
    agrees(FUNCTION, prices, why="Manifests do not map users.price, but function best names it.")


def test_a_child_of_a_table_whose_rows_go_by_themselves() -> None:
    """Deletes of users go on into orders, so a key that refuses the loss of an order refuses deletes of users."""
    base = "ALTER TABLE orders ADD CONSTRAINT fo FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE"
    add = "ALTER TABLE other ADD order_id INT, ADD CONSTRAINT fx FOREIGN KEY (order_id) REFERENCES orders (id)"
    only_users = manifest(users=USERS)
    found = run(base, add, mapped=only_users)
    assert found.old is judged(f"{SHOP};{base}", add)[-1].old
    assert found.old > run("", add, mapped=only_users).old


def test_nothing_is_said_of_objects_without_manifests() -> None:
    (found,) = judged(f"{SHOP};{PRICED}", "ALTER TABLE users DROP COLUMN price")
    assert "anifests do not" not in "".join(item.reason for item in found.findings)
