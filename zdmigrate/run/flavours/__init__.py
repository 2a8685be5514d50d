"""The dialects of MySQL and MariaDB: which one a server speaks, and what it is too old for."""

from __future__ import annotations

import re

from zdmigrate.flavour import Flavour
from zdmigrate.run.connection import Connection
from zdmigrate.run.flavours.base import Dialect, Source
from zdmigrate.run.flavours.mariadb import MariaDB
from zdmigrate.run.flavours.mysql import MySQL

__all__ = ["OLDEST", "Dialect", "Source", "dialect_of", "parse_version"]

#: REPLICA and SOURCE statements everywhere; MASTER_DEMOTE_TO_SLAVE and atomic DDL.
OLDEST = {"mysql": (8, 0, 26), "mariadb": (10, 10)}


def parse_version(text: str) -> Flavour:
    """`9.7.4`, `8.0.36-0ubuntu1`, `10.11.19-MariaDB-0+deb12u1`, `5.5.5-10.6.1-MariaDB` as a flavour."""
    text = re.sub(r"^5\.5\.5-(?=\d+\.\d+\.\d+-MariaDB)", "", text)
    numbers = tuple(int(part) for part in re.findall(r"\d+", text.partition("-")[0])[:3])
    return Flavour("mariadb" if "mariadb" in text.lower() else "mysql", numbers)


def dialect_of(connection: Connection) -> Dialect:
    """The dialect of the connected server. Which versions may take part in a run is for preflight to say."""
    flavour = parse_version(str(connection.value("SELECT VERSION()")))
    return MariaDB(flavour) if flavour.is_mariadb else MySQL(flavour)
