"""Differences: what one statement did to code written for the base schema."""

from __future__ import annotations

import pytest

from tests.verdict.support import USERS, judged, recorded
from zdmigrate.history.statements import parse
from zdmigrate.history.syntax import AlterTable
from zdmigrate.verdict.compare import actions_on_unseen_table, differences_of
from zdmigrate.verdict.differences import (
    CheckAdded,
    CheckChanged,
    CheckDropped,
    ColumnAdded,
    ColumnChanged,
    ColumnDropped,
    ColumnRenamed,
    ColumnReplaced,
    ColumnsReordered,
    Difference,
    ForeignKeyAdded,
    ForeignKeyChanged,
    ForeignKeyDropped,
    KeyAdded,
    KeyChanged,
    KeyDropped,
    KeyRenamed,
    NewTableChanged,
    PartitioningChanged,
    RoutineChanged,
    RoutineCreated,
    RoutineDropped,
    TableCreated,
    TableDropped,
    TableOptionChanged,
    TableRenamed,
    TriggerChanged,
    TriggerCreated,
    TriggerDropped,
    UnseenTableAltered,
    ViewChanged,
    ViewCreated,
    ViewDropped,
)
from zdmigrate.verdict.model import Verdict


def differences(base: str, *statements: str) -> list[tuple[Difference, ...]]:
    """Of each statement, in order."""
    start, found = recorded(base, *statements)
    return [differences_of(start, item.before, item.after, item.delta) for item in found]


def last(base: str, *statements: str) -> tuple[Difference, ...]:
    """Of the last statement."""
    return differences(base, *statements)[-1]


PARENT = "CREATE TABLE p (id INT PRIMARY KEY)"
CHILD = "CREATE TABLE c (id INT PRIMARY KEY, a INT, b INT, KEY ix (a), CONSTRAINT ck CHECK (b > 0))"
FK = "ALTER TABLE c ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES p (id)"
VIEW = "CREATE VIEW v AS SELECT id FROM p"
TRIGGER = "CREATE TRIGGER g BEFORE INSERT ON c FOR EACH ROW SET NEW.b = 1"
ROUTINE = "CREATE PROCEDURE r() SELECT 1"


@pytest.mark.parametrize(
    ("base", "sql", "kinds"),
    [
        ("", PARENT, [TableCreated]),
        (PARENT, "DROP TABLE p", [TableDropped]),
        (PARENT, "RENAME TABLE p TO q", [TableRenamed]),
        (PARENT, "ALTER TABLE p COMMENT='x', ROW_FORMAT=DYNAMIC", [TableOptionChanged, TableOptionChanged]),
        (PARENT, "ALTER TABLE p PARTITION BY HASH (id) PARTITIONS 2", [PartitioningChanged]),
        (CHILD, "ALTER TABLE c ADD d INT", [ColumnAdded]),
        (CHILD, "ALTER TABLE c DROP a", [ColumnDropped, KeyDropped]),
        (CHILD, "ALTER TABLE c RENAME COLUMN a TO d", [ColumnRenamed]),
        (CHILD, "ALTER TABLE c CHANGE a d BIGINT", [ColumnRenamed, ColumnChanged]),
        (CHILD, "ALTER TABLE c MODIFY a BIGINT", [ColumnChanged]),
        (CHILD, "ALTER TABLE c MODIFY a INT", []),
        (CHILD, "ALTER TABLE c DROP b, ADD b TEXT, DROP CHECK ck", [ColumnReplaced, CheckDropped]),
        (CHILD, "ALTER TABLE c MODIFY a INT FIRST", [ColumnsReordered]),
        (CHILD, "CREATE UNIQUE INDEX uq ON c (b)", [KeyAdded]),
        (CHILD, "DROP INDEX ix ON c", [KeyDropped]),
        (CHILD, "ALTER TABLE c RENAME INDEX ix TO iy", [KeyRenamed]),
        (CHILD, "ALTER TABLE c ALTER INDEX ix INVISIBLE", [KeyChanged]),
        (CHILD, "ALTER TABLE c ADD CONSTRAINT other CHECK (a > 0)", [CheckAdded]),
        (CHILD, "ALTER TABLE c DROP CHECK ck", [CheckDropped]),
        (CHILD, "ALTER TABLE c ALTER CHECK ck NOT ENFORCED", [CheckChanged]),
        (f"{PARENT};{CHILD}", FK, [ForeignKeyAdded]),
        (f"{PARENT};{CHILD};{FK}", "ALTER TABLE c DROP FOREIGN KEY fk", [ForeignKeyDropped]),
        (
            f"{PARENT};{CHILD};{FK}",
            "ALTER TABLE c DROP FOREIGN KEY fk, ADD CONSTRAINT fk2 FOREIGN KEY (a) REFERENCES p (id) ON DELETE CASCADE",
            [ForeignKeyChanged],
        ),
        (PARENT, "CREATE TABLE n (a INT, FOREIGN KEY (a) REFERENCES p (id))", [TableCreated, ForeignKeyAdded]),
        (PARENT, VIEW, [ViewCreated]),
        (f"{PARENT};{VIEW}", "CREATE OR REPLACE VIEW v AS SELECT 1", [ViewChanged]),
        (f"{PARENT};{VIEW}", "DROP VIEW v", [ViewDropped]),
        (CHILD, TRIGGER, [TriggerCreated]),
        (f"{CHILD};{TRIGGER}", "DROP TRIGGER g", [TriggerDropped]),
        ("", ROUTINE, [RoutineCreated]),
        (ROUTINE, "DROP PROCEDURE r", [RoutineDropped]),
    ],
)
def test_each_statement_makes_its_differences(base: str, sql: str, kinds: list[type]) -> None:
    assert [type(item) for item in last(base, sql)] == kinds


def test_objects_replaced_in_two_statements_are_changed() -> None:
    trigger = last(f"{CHILD};{TRIGGER}", "DROP TRIGGER g", TRIGGER.replace("= 1", "= 2"))
    assert [type(item) for item in trigger] == [TriggerChanged]
    routine = last(ROUTINE, "DROP PROCEDURE r", ROUTINE.replace("1", "2"))
    assert [type(item) for item in routine] == [RoutineChanged]


def test_two_widenings_are_one() -> None:
    (found,) = last(USERS, "ALTER TABLE users MODIFY nick VARCHAR(60)", "ALTER TABLE users MODIFY nick VARCHAR(70)")
    assert isinstance(found, ColumnChanged)
    assert (found.before.type.args, found.after.type.args) == ((50,), (70,))
    assert found.aspects == {"type"}


def test_what_is_taken_back_is_nothing() -> None:
    assert last(USERS, "ALTER TABLE users ADD x INT", "ALTER TABLE users DROP x") == ()
    assert last(USERS, "ALTER TABLE users MODIFY nick TEXT", "ALTER TABLE users MODIFY nick VARCHAR(50)") == ()
    assert last(USERS, "RENAME TABLE users TO u", "RENAME TABLE u TO users") == ()


def test_a_column_dropped_and_added_again_has_lost_its_values() -> None:
    first, second = differences(USERS, "ALTER TABLE users DROP nick", "ALTER TABLE users ADD nick VARCHAR(50)")
    assert [type(item) for item in first] == [ColumnDropped]
    assert [type(item) for item in second] == [ColumnReplaced]


def test_a_table_of_this_release_is_free() -> None:
    found = last("", PARENT, "ALTER TABLE p ADD a INT NOT NULL, ADD UNIQUE KEY uq (a)")
    assert found == (NewTableChanged("p"),)


def test_differences_use_the_names_old_code_knows() -> None:
    (found,) = last(USERS, "RENAME TABLE users TO members", "ALTER TABLE members MODIFY nick TEXT")
    assert isinstance(found, ColumnChanged)
    assert found.table == "users"


def test_a_key_follows_its_renamed_column() -> None:
    assert [type(item) for item in last(CHILD, "ALTER TABLE c RENAME COLUMN a TO z")] == [ColumnRenamed]


def test_where_an_added_column_stands() -> None:
    (end,) = last(USERS, "ALTER TABLE users ADD x INT")
    (middle,) = last(USERS, "ALTER TABLE users ADD x INT AFTER id")
    assert isinstance(end, ColumnAdded)
    assert isinstance(middle, ColumnAdded)
    assert (end.last, middle.last) == (True, False)


def test_actions_on_a_table_never_seen() -> None:
    (statement,) = parse(
        "ALTER TABLE t ADD a INT FIRST, DROP b, RENAME COLUMN c TO d, ADD INDEX (a), MODIFY e INT, RENAME TO u"
    )
    assert isinstance(statement.node, AlterTable)
    found = list(actions_on_unseen_table("t", statement.node.actions))
    assert [type(item) for item in found] == [
        ColumnAdded,
        ColumnDropped,
        ColumnRenamed,
        KeyAdded,
        UnseenTableAltered,
        TableRenamed,
    ]


def test_a_table_made_from_a_select_in_this_release_is_free_though_its_columns_are_not_known() -> None:
    _, altered = judged(USERS, "CREATE TABLE copied AS SELECT * FROM users", "ALTER TABLE copied DROP COLUMN nick")
    assert altered.old is Verdict.SAFE
    assert [item.rule for item in altered.findings] == ["ZD106"]
