"""Rules about keys, foreign keys and CHECK constraints (ZD3nn)."""

from __future__ import annotations

from zdmigrate.verdict.rule import Rule
from zdmigrate.verdict.rules.keys import (
    check_added,
    check_changed,
    check_dropped,
    foreign_key_added,
    foreign_key_changed,
    foreign_key_dropped,
    foreign_key_on_new_table,
    fulltext_dropped,
    index_added,
    index_dropped,
    index_visibility,
    key_changed,
    key_renamed,
    primary_key_added,
    primary_key_changed,
    primary_key_dropped,
    search_index_added,
    unique_added,
    unique_dropped,
)

#: In the order of their ids.
KEY_RULES: tuple[Rule, ...] = (
    unique_added.RULE,
    index_added.RULE,
    search_index_added.RULE,
    unique_dropped.RULE,
    index_dropped.RULE,
    fulltext_dropped.RULE,
    key_renamed.RULE,
    index_visibility.RULE,
    key_changed.RULE,
    primary_key_added.RULE,
    primary_key_dropped.RULE,
    primary_key_changed.RULE,
    foreign_key_added.RULE,
    foreign_key_on_new_table.RULE,
    foreign_key_dropped.RULE,
    foreign_key_changed.RULE,
    check_added.RULE,
    check_dropped.RULE,
    check_changed.RULE,
)
