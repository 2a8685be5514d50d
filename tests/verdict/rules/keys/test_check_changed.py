"""ZD332."""

from __future__ import annotations

from tests.verdict.rules.scene import CONDITIONAL, CONTRACT, EXPAND, NEUTRAL, SAFE, SHOP, UNSAFE, check, says

BASE = SHOP + "ALTER TABLE orders ADD CONSTRAINT ck CHECK (price IN (1, 2))"


def _to(expression: str) -> str:
    return f"ALTER TABLE orders DROP CHECK ck, ADD CONSTRAINT ck CHECK ({expression})"


def test_a_longer_list_is_a_relaxation() -> None:
    found = says("ZD332", BASE, _to("price IN (1, 2, 3)"))
    check(found, CONDITIONAL, EXPAND, "readers-tolerate-any-value", new=CONDITIONAL)


def test_anything_else_is_a_new_check() -> None:
    for expression in ("price IN (1)", "price IN (1, 3)", "price > 0", "id IN (1, 2, 3)"):
        check(says("ZD332", BASE, _to(expression)), UNSAFE, CONTRACT, text="3819")


def test_enforcement() -> None:
    off, on = ("ALTER TABLE orders ALTER CHECK ck NOT ENFORCED", "ALTER TABLE orders ALTER CHECK ck ENFORCED")
    check(says("ZD332", BASE, off), CONDITIONAL, EXPAND, "readers-tolerate-any-value", new=CONDITIONAL)
    check(says("ZD332", BASE + " NOT ENFORCED", on), UNSAFE, CONTRACT)
    idle = _to("price > 0") + " NOT ENFORCED"
    check(says("ZD332", BASE + " NOT ENFORCED", idle), SAFE, NEUTRAL)
