"""`scripts/refresh_cost_tables.py`, as a person runs it: it asks the server again, and shows what changed."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
import sqlalchemy

from scripts import refresh_cost_tables
from tests.servers import Server
from tests.verdict.cost.probes import DATA

_FILES = {"mysql": "mysql_9_7_alter_probe.csv", "mariadb": "mariadb_10_11_alter_probe.csv"}


@pytest.fixture
def table(any_sql_server: Server, tmp_path: Path) -> Path:
    """The first probes of that server's table."""
    shutil.copy(DATA / "tables.sql", tmp_path)
    path = tmp_path / _FILES[any_sql_server.kind]
    lines = (DATA / path.name).read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:4]))
    return path


def test_an_unchanged_server_gives_the_committed_table(
    any_sql_server: Server, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refresh_cost_tables.main([any_sql_server.url(), str(table)]) == 0
    printed = capsys.readouterr()
    assert printed.out == table.read_text()
    assert "3 probes, 0 differ" in printed.err


def test_what_changed_is_shown_and_written(
    any_sql_server: Server, table: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    true = table.read_text()
    wrong = [dict(row) for row in csv.DictReader(true.splitlines())]
    wrong[1]["best_algorithm"] = "COPY"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(wrong[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(wrong)
    committed = table.read_text()
    url = sqlalchemy.make_url(any_sql_server.url())
    monkeypatch.setenv("SECRET_OF_TESTS", str(url.password))
    shown = f"mysql+pymysql://{url.username}:${{SECRET_OF_TESTS}}@{url.host}:{url.port}/"
    assert refresh_cost_tables.main([shown, str(table)]) == 1
    assert "best_algorithm 'COPY' -> 'INSTANT'" in capsys.readouterr().err
    assert table.read_text() == committed
    assert refresh_cost_tables.main([shown, str(table), "--write"]) == 1
    assert table.read_text() == true
    assert refresh_cost_tables.main([shown, str(table)]) == 0


def test_nothing_is_left_behind(any_sql_server: Server, table: Path) -> None:
    refresh_cost_tables.main([any_sql_server.url(), str(table)])
    engine = sqlalchemy.create_engine(any_sql_server.url())
    with engine.connect() as connection:
        names = [row[0] for row in connection.execute(sqlalchemy.text("SHOW DATABASES"))]
    engine.dispose()
    assert refresh_cost_tables.DATABASE not in names
