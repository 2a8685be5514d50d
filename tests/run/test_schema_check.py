"""Whether a statement happened, told from real servers' schemas before and after it."""

from __future__ import annotations

import pytest
import sqlalchemy

from tests.history.ddl_scenarios import MARIADB_SCENARIOS, MYSQL_SCENARIOS, SCENARIOS
from tests.run.applying import connected
from zdmigrate.history.apply import Refused, apply, reveal
from zdmigrate.history.catalog import Catalog, difference
from zdmigrate.history.recording import SessionState
from zdmigrate.history.statements import parse
from zdmigrate.history.syntax import SetVariable
from zdmigrate.run.connection import Connection
from zdmigrate.run.flavours import parse_version
from zdmigrate.run.schema_check import Happened, live_catalog, look, not_as_after
from zdmigrate.run.topology import single_server


def told(url: str, statements: tuple[str, ...]) -> None:
    """Each statement that the server takes is seen not to have happened before it, and to have happened after."""
    topology = single_server(url)
    database = str(sqlalchemy.make_url(url).database)
    with Connection(topology.nodes[0], database=database) as seen, connected(url) as sent:
        flavour = parse_version(str(seen.value("SELECT VERSION()")))
        session = SessionState().with_variable("database", database)
        before = live_catalog(seen)
        for sql in statements:
            with sent.cursor() as cursor:
                try:
                    cursor.execute(sql)
                except Exception:
                    continue
            after: Catalog = before
            for statement in parse(sql, mariadb=flavour.is_mariadb):
                if isinstance(statement.node, SetVariable):
                    session = session.with_variable(statement.node.name, statement.node.value)
                try:
                    after = apply(statement, reveal(statement, after, flavour), session, flavour)
                except Refused:
                    break
            delta = difference(before, after)
            now = live_catalog(seen)
            no, yes = look(delta, before), look(delta, now)
            traceless = (Happened.NO_TRACE, Happened.UNCLEAR)
            if yes.happened in traceless and no.happened is yes.happened and not yes.seen:
                before = now
                continue
            assert (no.happened, yes.happened) == (Happened.NO, Happened.YES), (sql, no, yes)
            assert not_as_after(delta, now) == (), sql
            before = now


FEW = list(SCENARIOS)[:3]


@pytest.mark.parametrize("name", FEW)
def test_a_few_on_both(name: str, any_sql_url: str) -> None:
    told(any_sql_url, SCENARIOS[name])


@pytest.mark.soak
@pytest.mark.parametrize("name", [*SCENARIOS, *MYSQL_SCENARIOS])
def test_mysql(name: str, mysql_url: str) -> None:
    told(mysql_url, {**SCENARIOS, **MYSQL_SCENARIOS}[name])


@pytest.mark.soak
@pytest.mark.parametrize("name", [*SCENARIOS, *MARIADB_SCENARIOS])
def test_mariadb(name: str, mariadb_url: str) -> None:
    told(mariadb_url, {**SCENARIOS, **MARIADB_SCENARIOS}[name])
