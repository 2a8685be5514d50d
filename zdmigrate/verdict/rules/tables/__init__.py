"""Rules about tables: ZD1nn."""

from __future__ import annotations

from zdmigrate.verdict.rule import Rule
from zdmigrate.verdict.rules.tables import (
    change_engine,
    change_new,
    change_nothing,
    change_option,
    create,
    create_if_not_exists,
    drop,
    partitions,
    rebuild,
    rename,
    replace,
    unseen,
    versioning,
)

#: In the order of their ids.
TABLE_RULES: tuple[Rule, ...] = (
    create.RULE,
    create_if_not_exists.RULE,
    drop.RULE,
    replace.RULE,
    rename.RULE,
    change_new.RULE,
    change_option.RULE,
    change_engine.RULE,
    partitions.RULE,
    rebuild.RULE,
    versioning.RULE,
    unseen.RULE,
    change_nothing.RULE,
)
