"""Rules about rows (ZD4nn): data is safe when old code could have written it itself."""

from __future__ import annotations

from zdmigrate.verdict.rule import Rule
from zdmigrate.verdict.rules.data import (
    backfill,
    delete_rows,
    fires_trigger,
    insert_rows,
    insert_select,
    load_data,
    null_fill,
    rewrite,
    truncate,
    upsert,
)

#: In the order of their ids.
DATA_RULES: tuple[Rule, ...] = (
    insert_rows.RULE,
    insert_select.RULE,
    upsert.RULE,
    backfill.RULE,
    null_fill.RULE,
    rewrite.RULE,
    delete_rows.RULE,
    truncate.RULE,
    load_data.RULE,
    fires_trigger.RULE,
)
