"""The replication matrix driven through whole runs: what goes through is the same on both nodes, what would not be is
refused or found before the switch. `scripts/replication_matrix/cases.py` has the cases."""

import contextlib
from collections.abc import Iterable
from typing import Any

import pymysql
import pytest

from scripts.replication_matrix.cases import PUBLISHED, Case, case
from tests.run.altering import TARGETS, context_of, planned
from tests.run.conftest import topology_of
from tests.servers.replication import Node, Replication
from zdmigrate.run import replica_first
from zdmigrate.run.errors import AbortedError, NeedsPersonError, RefusedError
from zdmigrate.run.policy import Policy

#: Each class and each way to fail at least once; `make soak` runs all 58.
TELLING = (1, 5, 7, 13, 25, 29, 33, 43, 46, 54, 56, 58)
POLICY = Policy(accept=frozenset({"no-standby", "privileged-writers", "ab12:0"}), freeze_cap=3.0)


def drive(pair: Replication, one: Case) -> str:
    """One case through a whole run, old code writing before the switch and new code after it; how it ended."""
    changes = planned(pair.kind, one.tables, one.clause)
    cls = changes[0].replication.cls
    pair.primary.execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
    write(pair.primary, (*one.tables.split(";"), *one.seed))
    pair.wait_caught_up()

    def before(name: str) -> None:
        if name == "catch up b":
            write(pair.primary, one.forward)
        if name == "alter a":
            for table in ("t", "p"):  # what the old code wrote makes room for the same rows of the new one
                with contextlib.suppress(pymysql.MySQLError):
                    pair.replica.execute(f"DELETE FROM {table} WHERE id >= 10", database="shop")
            write(pair.replica, one.reverse)

    with context_of(topology_of(pair), POLICY) as context:
        try:
            replica_first.apply_changes(context, changes, before=before)
        except RefusedError:
            assert contents(pair.nodes[0]) == contents(pair.nodes[1])
            return f"{cls} refused"
        except (AbortedError, NeedsPersonError) as error:
            frozen = "" if pair.primary.value("SELECT @@GLOBAL.read_only") == 0 else ", and frozen"
            return f"{cls} {'aborted' if isinstance(error, AbortedError) else 'not switched'}{frozen}"
    pair.wait_caught_up(source=pair.replica)
    assert contents(pair.nodes[0]) == contents(pair.nodes[1]), f"case {one.number} diverged silently"
    return f"{cls} done"


def write(node: Node, statements: Iterable[str]) -> None:
    with node.connect("shop") as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def contents(node: Node) -> Any:
    """Every table of the database, with its definition, in no order of rows."""
    found = {}
    with node.connect("shop") as connection, connection.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute("SHOW TABLES")
        for table in [next(iter(row.values())) for row in cursor.fetchall()]:
            cursor.execute(f"SELECT * FROM `{table}`")
            found[table] = sorted(map(repr, cursor.fetchall()))
    return found


def expected(one: Case, cls: str) -> tuple[str, ...]:
    """What may come of a case: a proof that the writes break is found when the applier stops, or at the freeze."""
    if cls in ("D", "-"):
        return (f"{cls} refused",)
    return ("C aborted", "C not switched") if one.breaks_proof else (f"{cls} done",)


def check(pair: Replication, one: Case) -> None:
    cls = planned(pair.kind, one.tables, one.clause)[0].replication.cls
    assert drive(pair, one) in expected(one, cls), (one.number, one.title)


@pytest.mark.parametrize("number", TELLING)
def test_telling_cases(request: pytest.FixtureRequest, number: int) -> None:
    """Half of them on either flavour."""
    kind = ("mysql", "mariadb")[TELLING.index(number) % 2]
    check(request.getfixturevalue(f"{kind}_replication"), case(number))


@pytest.mark.soak
@pytest.mark.parametrize("number", [one.number for one in PUBLISHED])
@pytest.mark.parametrize("kind", TARGETS)
def test_every_case(request: pytest.FixtureRequest, kind: str, number: int) -> None:
    check(request.getfixturevalue(f"{kind}_replication"), case(number))
