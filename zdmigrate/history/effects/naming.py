"""The names a server gives to what a statement left unnamed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Catalog, KeyPart

#: The longest name of a column, key or constraint, in characters.
MOST_NAME = 64


def schema_of(key: str) -> str:
    """The schema part of a catalog key with its dot, or an empty string."""
    return key.rpartition(".")[0] + "." if "." in key else ""


def bare_name(key: str) -> str:
    """A catalog key without its schema."""
    return key.rpartition(".")[2]


def in_schema_of(key: str, name: str) -> str:
    """The catalog key of `name` as written in a statement about `key`."""
    return name if "." in name else schema_of(key) + name


def key_name(parts: tuple[KeyPart, ...], taken: Iterable[str]) -> str:
    """First column, then first column _2, _3, ... until it is free."""
    used = {name.lower() for name in taken}
    base = parts[0].column if parts and parts[0].column is not None else "functional_index"
    if base.lower() not in used and base.lower() != "primary":
        return base
    number = 2
    while f"{base}_{number}".lower() in used:
        number += 1
    return f"{base}_{number}"


def highest(pattern: str, names: Iterable[str]) -> int:
    """The highest N among the names that are `pattern` followed by a number."""
    matcher = re.compile(re.escape(pattern) + r"(\d+)", re.IGNORECASE)
    return max((int(match[1]) for name in names if (match := matcher.fullmatch(name))), default=0)


def check_pattern(table: str, flavour: Flavour) -> str:
    """What generated CHECK names begin with."""
    return "CONSTRAINT_" if flavour.is_mariadb else f"{bare_name(table)}_chk_"


def foreign_key_pattern(table: str) -> str:
    """What generated FOREIGN KEY names begin with."""
    return f"{bare_name(table)}_ibfk_"


def foreign_key_names(catalog: Catalog, schema: str, besides: str) -> set[str]:
    """Lower-case names of all foreign keys of one schema, except those of table `besides`."""
    return {
        foreign_key.name.lower()
        for key, table in catalog.tables.items()
        if key != besides and schema_of(key) == schema
        for foreign_key in table.foreign_keys
    }


def check_names(catalog: Catalog, schema: str, besides: str) -> set[str]:
    """Lower-case names of all checks of one schema, except those of table `besides`."""
    return {
        check.name.lower()
        for key, table in catalog.tables.items()
        if key != besides and schema_of(key) == schema
        for check in table.checks
    }


def renamed(pattern_old: str, pattern_new: str, name: str) -> str:
    """A generated name carried over to a renamed table; any other name as it is."""
    match = re.fullmatch(re.escape(pattern_old) + r"(\d+)", name)
    return f"{pattern_new}{match[1]}" if match else name
