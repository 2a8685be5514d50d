"""A table's definition as the server writes it out: compared between nodes, and the ALTER that takes one back.

The text of SHOW CREATE TABLE is the only picture of a table that leaves nothing out, and one server's texts are
comparable with those of another of the same version. Pure, except for `read_definition`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from zdmigrate.run.connection import Connection, quoted

_NAME = r"`((?:[^`]|``)+)`"


def read_definition(connection: Connection, database: str, table: str) -> str:
    """The definition of a table, without the next AUTO_INCREMENT value, which moves with the rows.

    Raises:
        ServerError: there is no such table (1146), or it may not be seen.
    """
    row = connection.rows(f"SHOW CREATE TABLE {quoted(database)}.{quoted(table)}")[0]
    return normalised(str(row["Create Table"]))


def normalised(text: str) -> str:
    """The text of SHOW CREATE TABLE without AUTO_INCREMENT among the table's options."""
    head, closing, options = text.rpartition("\n)")
    return head + closing + re.sub(r" AUTO_INCREMENT=\d+", "", options, count=1)


Kind = Literal["primary", "key", "foreign key", "check"]


@dataclass(frozen=True, slots=True)
class Definition:
    """The parts of a definition, each as the server wrote it.

    Attributes:
        columns: definitions by column name, in order.
        keys: keys and constraints, by kind and name.
        options: what follows the closing parenthesis, up to the partitions.
        partitions: the PARTITION BY clause, or "".
    """

    columns: dict[str, str]
    keys: dict[tuple[Kind, str], str]
    options: str
    partitions: str

    @property
    def primary_key(self) -> str | None:
        """The primary key's text, or None when there is none."""
        return self.keys.get(("primary", ""))


def parse_definition(text: str) -> Definition:
    """Take the text of SHOW CREATE TABLE apart."""
    body, _, tail = text.partition(" (\n")[2].rpartition("\n)")
    columns: dict[str, str] = {}
    keys: dict[tuple[Kind, str], str] = {}
    for line in body.split("\n"):
        item = line.strip().removesuffix(",")
        if found := re.match(_NAME, item):
            columns[found[1].replace("``", "`")] = item
        elif found := re.match(rf"CONSTRAINT {_NAME} (FOREIGN KEY|CHECK)\b", item):
            keys["foreign key" if found[2] == "FOREIGN KEY" else "check", found[1]] = item
        elif item.startswith("PRIMARY KEY"):
            keys["primary", ""] = item
        elif found := re.search(rf"\bKEY {_NAME}", item):
            keys["key", found[1]] = item
    where = re.search(r"(?:/\*!\d+ )?\bPARTITION BY\b", tail)
    options, partitions = (tail[: where.start()], tail[where.start() :]) if where else (tail, "")
    return Definition(columns, keys, options.strip(), partitions.strip())


def reversal(table: str, before: str, after: str) -> str | None:
    """The ALTER that makes `after` into `before`; "" when they are the same, None when it would not bring data back.

    For ALTERs of the classes A to C, whose columns keep their places: a name that is another at the same place was
    renamed, columns beyond the old ones were added.
    """
    if before == after:
        return ""
    old, new = parse_definition(before), parse_definition(after)
    if len(old.columns) > len(new.columns):
        return None  # the values of a dropped column are gone
    actions = [_drop(*key) for key, text in new.keys.items() if old.keys.get(key) != text]
    names = list(new.columns)
    for place, (name, text) in enumerate(old.columns.items()):
        if names[place] != name:
            actions.append(f"CHANGE COLUMN {quoted(names[place])} {text}")
        elif new.columns[name] != text:
            actions.append(f"MODIFY COLUMN {text}")
    actions += [f"DROP COLUMN {quoted(name)}" for name in names[len(old.columns) :]]
    actions += [f"ADD {text}" for key, text in old.keys.items() if new.keys.get(key) != text]
    if old.options != new.options:
        actions.append(_options(old.options, new.options))
    statement = f"ALTER TABLE {quoted(table)} {', '.join(actions)}".rstrip()
    if old.partitions != new.partitions:
        statement += f" {old.partitions or 'REMOVE PARTITIONING'}"
    return statement


def _drop(kind: Kind, name: str) -> str:
    match kind:
        case "primary":
            return "DROP PRIMARY KEY"
        case "foreign key":
            return f"DROP FOREIGN KEY `{name}`"
        case "check":
            return f"DROP CONSTRAINT `{name}`"
        case "key":
            return f"DROP KEY `{name}`"


#: What an option that is not written out comes to.
_UNSAID = {"ROW_FORMAT": "DEFAULT", "COMMENT": "''", "KEY_BLOCK_SIZE": "0", "STATS_PERSISTENT": "DEFAULT"}


def _options(old: str, new: str) -> str:
    added = [
        f"{name}={value}"
        for name, value in _UNSAID.items()
        if re.search(rf"\b{name}=", new) and not re.search(rf"\b{name}=", old)
    ]
    return " ".join([old, *added])
