"""Every rule, in the order of ids: one list, no registration by import."""

from __future__ import annotations

from zdmigrate.verdict.rule import Rule
from zdmigrate.verdict.rules import functions
from zdmigrate.verdict.rules.columns import COLUMN_RULES
from zdmigrate.verdict.rules.data import DATA_RULES
from zdmigrate.verdict.rules.keys import KEY_RULES
from zdmigrate.verdict.rules.replayed import REPLAY_RULES
from zdmigrate.verdict.rules.routines import ROUTINE_RULES
from zdmigrate.verdict.rules.tables import TABLE_RULES
from zdmigrate.verdict.rules.unknown import UNKNOWN_RULES

RULES: tuple[Rule, ...] = (
    *TABLE_RULES,
    *COLUMN_RULES,
    *KEY_RULES,
    *DATA_RULES,
    *ROUTINE_RULES,
    *UNKNOWN_RULES,
    functions.RULE,
    *REPLAY_RULES,
)

_BY_ID = {item.id: item for item in RULES}


def rule(rule_id: str) -> Rule:
    """The rule of that id.

    Raises:
        KeyError: when there is none.
    """
    return _BY_ID[rule_id]
