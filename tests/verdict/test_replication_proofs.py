"""The proof of a class C change finds a row after exactly those writes that did harm on a replicating pair."""

from contextlib import closing
from typing import Any

import pymysql
import pytest
from sqlalchemy.engine import make_url

from scripts.replication_matrix.cases import CASES, Case
from scripts.replication_matrix.matrix import judge
from zdmigrate.flavour import Flavour


def _provable(target: Flavour) -> list[tuple[Case, list[str]]]:
    """The cases whose proof is a query (a partition's and a rename's are for people), with the queries."""
    judged = [(case, judge(case, target)) for case in CASES if case.only in (None, target.vendor)]
    return [
        (case, found.proof.splitlines())
        for case, found in judged
        if found.cls == "C" and found.proof.startswith("SELECT")
    ]


def _finds(cursor: Any, proofs: list[str]) -> bool:
    return bool(sum(cursor.execute(proof) for proof in proofs))


@pytest.mark.parametrize("target", [Flavour.parse("mysql:9.7"), Flavour.parse("mariadb:10.11")], ids=str)
def test_they_find_what_does_harm(target: Flavour, request: pytest.FixtureRequest) -> None:
    cases = _provable(target)
    assert {case.breaks_proof for case, _ in cases} == {True, False}
    url = make_url(request.getfixturevalue(f"{target.vendor}_url"))
    connection = pymysql.connect(
        host=str(url.host),
        port=int(url.port or 0),
        user=url.username,
        password=str(url.password or ""),
        database=url.database,
        charset="utf8mb4",
        autocommit=True,
    )
    wrong = []
    with closing(connection), connection.cursor() as cursor:
        for case, proofs in cases:
            cursor.execute("DROP TABLE IF EXISTS t")
            cursor.execute("DROP TABLE IF EXISTS p")
            for statement in (*case.tables.split(";"), *case.seed):
                cursor.execute(statement)
            before = _finds(cursor, proofs)
            for statement in case.forward:
                cursor.execute(statement)
            if before or _finds(cursor, proofs) != case.breaks_proof:
                wrong.append(case.number)
    assert wrong == []
