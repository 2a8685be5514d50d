"""Rules about views, triggers, routines, rights and the session (ZD5nn)."""

from __future__ import annotations

from zdmigrate.verdict.rule import Rule
from zdmigrate.verdict.rules.routines import (
    database,
    default_beside_trigger,
    housekeeping,
    privileges,
    routine_changed,
    routine_created,
    routine_dropped,
    trigger_changed,
    trigger_created,
    trigger_dropped,
    use,
    variables,
    view_changed,
    view_created,
    view_dropped,
)

#: In the order of their ids.
ROUTINE_RULES: tuple[Rule, ...] = (
    view_created.RULE,
    view_changed.RULE,
    view_dropped.RULE,
    trigger_created.RULE,
    trigger_changed.RULE,
    trigger_dropped.RULE,
    default_beside_trigger.RULE,
    routine_created.RULE,
    routine_changed.RULE,
    routine_dropped.RULE,
    privileges.RULE,
    database.RULE,
    variables.RULE,
    housekeeping.RULE,
    use.RULE,
)
