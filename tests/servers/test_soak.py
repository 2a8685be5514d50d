"""Minutes of random faults: what a server acknowledged must be there afterwards."""

import random
from contextlib import closing

import pymysql
import pytest
import sqlalchemy

from tests.conftest import MakeServer
from tests.servers import Kind

ROUNDS = 40


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_no_acknowledged_row_is_lost_over_many_kills(make_server: MakeServer, kind: Kind) -> None:
    server = make_server(kind, binlog=True)
    url = sqlalchemy.make_url(server.url())
    acknowledged: set[int] = set()
    number = 0
    for round_ in range(ROUNDS):
        connection = pymysql.connect(
            host=url.host, port=url.port or 0, user=url.username, password=str(url.password), autocommit=True
        )
        with closing(connection), connection.cursor() as cursor:
            if round_ == 0:
                cursor.execute("CREATE DATABASE ledger")
                cursor.execute("CREATE TABLE ledger.entry (id INT PRIMARY KEY, filler VARBINARY(2000))")
            cursor.execute("SELECT id FROM ledger.entry")
            assert acknowledged <= {row[0] for row in cursor.fetchall()}
            for _ in range(random.randint(1, 400)):
                number += 1
                cursor.execute("INSERT INTO ledger.entry VALUES (%s, %s)", (number, b"x" * 2000))
                acknowledged.add(number)
        server.kill()
        server.start()
