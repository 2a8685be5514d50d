"""Reading the body of a trigger."""

from __future__ import annotations

import pytest

from zdmigrate.verdict.rules.routines.body import TableWrite, effects


@pytest.mark.parametrize(
    ("body", "sets"),
    [
        ("SET NEW.a = 1", ("a",)),
        ("SET NEW.`a b` := 1, new.c = f(1, 2), @x = NEW.d", ("a b", "c")),
        ("BEGIN IF NEW.a = 1 THEN SET NEW.b = 2; ELSEIF NEW.c = 1 THEN SET NEW.d = 1; END IF; END", ("b", "d")),
        ("SET NEW.a = CASE WHEN NEW.b = 1 THEN 'x' ELSE 'y' END, NEW.c = 1", ("a", "c")),
        ("BEGIN /* SET NEW.a = 1; */ -- SET NEW.b = 1;\n SET NEW.c = 'SET NEW.d = 1;'; END", ("c",)),
        ("SELECT max(id) INTO NEW.a FROM t", ("a",)),
        ("BEGIN DECLARE x INT; SET x = 1; WHILE x < 3 DO SET NEW.a = x; END WHILE; END", ("a",)),
    ],
)
def test_columns_of_new(body: str, sets: tuple[str, ...]) -> None:
    found = effects(body)
    assert found.sets == sets
    assert not found.writes
    assert not found.signals


@pytest.mark.parametrize(
    ("body", "write"),
    [
        ("INSERT INTO t (a, `b`) VALUES (1, 2)", TableWrite("INSERT", "t", ("a", "b"))),
        ("INSERT IGNORE t VALUES (1)", TableWrite("INSERT", "t")),
        ("REPLACE INTO s.t SET a = 1", TableWrite("REPLACE", "s.t")),
        ("UPDATE t SET a = 1, t.b = 2 WHERE c = 3", TableWrite("UPDATE", "t", ("a", "b"))),
        ("UPDATE t AS x JOIN u ON u.id = x.id SET x.a = 1", TableWrite("UPDATE", "", ("a",))),
        ("DELETE FROM t WHERE id = OLD.id", TableWrite("DELETE", "t")),
    ],
)
def test_tables(body: str, write: TableWrite) -> None:
    assert effects(body).writes == (write,)
    assert effects(f"BEGIN IF 1 THEN {body}; END IF; END").writes == (write,)


def test_signals_and_calls() -> None:
    found = effects("BEGIN IF NEW.a THEN RESIGNAL; END IF; CALL audit.log(NEW.id); END")
    assert found.signals
    assert found.calls == ("audit.log",)
