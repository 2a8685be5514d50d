"""What must hold of judging whatever the schema: orders, quoting, case and neighbours do not matter."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verdict.support import MARIADB, MYSQL, judged, recorded
from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.recording import RecordedHistory, RecordedRevision, RecordedStatement
from zdmigrate.plan import Plan, make_plan
from zdmigrate.report import json
from zdmigrate.verdict.judge import Judgement

COLUMNS = (
    "id INT NOT NULL",
    "name VARCHAR(50) NOT NULL",
    "nick VARCHAR(50)",
    "qty INT NOT NULL DEFAULT 0",
    "status ENUM('new','done') NOT NULL DEFAULT 'new'",
)
KEYS = ("PRIMARY KEY (id)", "UNIQUE KEY uq_name (name)", "KEY ix_nick (nick)")

#: Statements on `users`; {braces} stand around identifiers, so that each can be written in several ways.
CHANGES = (
    "ALTER TABLE {users} ADD COLUMN {age} INT",
    "ALTER TABLE {users} ADD COLUMN {age} INT NOT NULL",
    "ALTER TABLE {users} ADD COLUMN {age} INT NOT NULL DEFAULT 1",
    "ALTER TABLE {users} DROP COLUMN {nick}",
    "ALTER TABLE {users} MODIFY COLUMN {nick} VARCHAR(50) NOT NULL",
    "ALTER TABLE {users} MODIFY COLUMN {name} VARCHAR(50)",
    "ALTER TABLE {users} MODIFY COLUMN {name} VARCHAR(100) NOT NULL",
    "ALTER TABLE {users} MODIFY COLUMN {name} VARCHAR(20) NOT NULL",
    "ALTER TABLE {users} MODIFY COLUMN {qty} BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE {users} MODIFY COLUMN {qty} INT NOT NULL",
    "ALTER TABLE {users} MODIFY COLUMN {status} ENUM('new','done','gone') NOT NULL DEFAULT 'new'",
    "ALTER TABLE {users} MODIFY COLUMN {status} ENUM('new') NOT NULL DEFAULT 'new'",
    "ALTER TABLE {users} ALTER COLUMN {qty} DROP DEFAULT",
    "ALTER TABLE {users} ALTER COLUMN {nick} SET DEFAULT 'x'",
    "ALTER TABLE {users} CHANGE COLUMN {nick} {alias} VARCHAR(50)",
    "ALTER TABLE {users} ADD UNIQUE KEY {uq_nick} ({nick})",
    "ALTER TABLE {users} ADD KEY {ix_two} ({name}, {nick})",
    "ALTER TABLE {users} DROP KEY {uq_name}",
    "ALTER TABLE {users} DROP KEY {ix_nick}",
    "ALTER TABLE {users} DROP PRIMARY KEY",
    "ALTER TABLE {users} ADD CONSTRAINT {ck} CHECK ({qty} >= 0)",
    "UPDATE {users} SET {nick} = 'x' WHERE {nick} IS NULL",
    "DELETE FROM {users}",
    "TRUNCATE TABLE {users}",
    "DROP TABLE {users}",
    "RENAME TABLE {users} TO {people}",
)
OTHERS = (
    "CREATE TABLE other (id INT PRIMARY KEY)",
    "ALTER TABLE logs ADD COLUMN note INT",
    "ALTER TABLE logs DROP COLUMN line",
    "DROP TABLE logs",
    "INSERT INTO logs (id) VALUES (1)",
    "DELETE FROM logs",
)
LOGS = "CREATE TABLE logs (id INT PRIMARY KEY, line VARCHAR(9))"

flavours = st.sampled_from((MYSQL, MARIADB))
changes = st.sampled_from(CHANGES)
#: Several changes that make sense after one another: none of them takes the table away.
releases = st.lists(st.sampled_from(CHANGES[:3] + CHANGES[4:14] + CHANGES[15:18]), min_size=1, max_size=4)


def _table(columns: Sequence[str] = COLUMNS, keys: Sequence[str] = KEYS) -> str:
    return f"CREATE TABLE users ({', '.join((*columns, *keys))})"


def _plain(text: str) -> str:
    return text.replace("{", "").replace("}", "")


def _quoted(text: str) -> str:
    return text.replace("{", "`").replace("}", "`")


def _said(judgements: Sequence[Judgement]) -> list[tuple[object, ...]]:
    """What is said, without the words: names in them keep the case they were written in."""
    return [
        (
            item.old,
            item.new,
            item.phase,
            sorted((finding.rule, finding.old.value, finding.new.value, finding.phase) for finding in item.findings),
            sorted(condition.name for condition in item.conditions),
        )
        for item in judgements
    ]


def _planned(base: str, *statements: str, flavour: Flavour) -> Plan:
    """One revision with these statements, planned for code written for `base`."""
    start, found = recorded(base, *statements, flavour=flavour)
    return make_plan(_history(start, found), ["r1"], target=flavour, deployed=["r0"], base=start)


def _history(start: Catalog, found: list[RecordedStatement]) -> RecordedHistory:
    after = found[-1].after if found else start
    revision = RecordedRevision("r1", ("r0",), "versions/test.py", "test", tuple(found), start, after)
    return RecordedHistory((revision,), start, ("r1",))


@given(change=changes, columns=st.permutations(COLUMNS), keys=st.permutations(KEYS[1:]), flavour=flavours)
def test_the_order_of_columns_and_keys_does_not_matter(
    change: str, columns: list[str], keys: list[str], flavour: Flavour
) -> None:
    statement = _plain(change)
    expected = judged(_table(), statement, flavour=flavour)
    assert _said(judged(_table(columns, (KEYS[0], *keys)), statement, flavour=flavour)) == _said(expected)


@given(change=changes, flavour=flavours)
def test_quoting_does_not_matter(change: str, flavour: Flavour) -> None:
    plain, quoted = (judged(_table(), write(change), flavour=flavour) for write in (_plain, _quoted))
    assert plain == quoted


@given(change=changes, flavour=flavours, data=st.data())
def test_the_case_of_columns_and_keys_does_not_matter(change: str, flavour: Flavour, data: st.DataObject) -> None:
    parts = change.replace("}", "{").split("{")
    for place in range(1, len(parts), 2):
        if parts[place] not in ("users", "people"):  # the case of tables matters, where the file system says so
            upper = data.draw(st.lists(st.booleans(), min_size=len(parts[place]), max_size=len(parts[place])))
            parts[place] = "".join(
                letter.upper() if flag else letter for letter, flag in zip(parts[place], upper, strict=True)
            )
    assert _said(judged(_table(), "".join(parts), flavour=flavour)) == _said(
        judged(_table(), _plain(change), flavour=flavour)
    )


@given(release=releases, other=st.sampled_from(OTHERS), place=st.integers(0, 4), flavour=flavours)
def test_an_unrelated_statement_changes_no_other_verdict(
    release: list[str], other: str, place: int, flavour: Flavour
) -> None:
    base = f"{LOGS}; {_table()}"
    statements = [_plain(item) for item in release]
    place = min(place, len(statements))
    alone = judged(base, *statements, flavour=flavour)
    together = judged(base, *statements[:place], other, *statements[place:], flavour=flavour)
    assert _said([*together[:place], *together[place + 1 :]]) == _said(alone)


@given(release=releases, flavour=flavours)
@settings(max_examples=50)
def test_a_plan_says_what_judging_says(release: list[str], flavour: Flavour) -> None:
    statements = [_plain(item) for item in release]
    (revision,) = _planned(_table(), *statements, flavour=flavour).revisions
    assert [change.judgement for change in revision.changes] == judged(_table(), *statements, flavour=flavour)
    for change in revision.changes:
        assert change.verdict is change.judgement.old
        assert change.phase is change.judgement.phase


@given(release=releases, flavour=flavours)
@settings(max_examples=50)
def test_planning_twice_gives_the_same_document(release: list[str], flavour: Flavour) -> None:
    statements = [_plain(item) for item in release]
    first, second = (json.render(_planned(_table(), *statements, flavour=flavour)) for _ in range(2))
    assert first == second


def test_every_change_of_these_is_judged() -> None:
    for change, flavour in itertools.product(CHANGES, (MYSQL, MARIADB)):
        (judgement,) = judged(_table(), _plain(change), flavour=flavour)
        assert judgement.findings, change
        assert "ZD909" not in {item.rule for item in judgement.findings}
