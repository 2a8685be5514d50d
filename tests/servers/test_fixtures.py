"""The fixtures of `tests/conftest.py`, also when something fails (seen through a pytest of its own)."""

import os
import subprocess
import sys
from pathlib import Path

import redis
import sqlalchemy

from tests.servers import Server

CHECKOUT = Path(__file__).parents[2]


def run_pytest(folder: Path, test: str, *options: str, **environment: str) -> str:
    """Run one test file with our fixtures in a fresh pytest; its output."""
    (folder / "test_it.py").write_text(test)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "test_it.py", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1, done.stdout
    return done.stdout


def test_each_test_has_a_database_of_its_own(any_sql_server: Server, any_sql_url: str) -> None:
    engine = sqlalchemy.create_engine(any_sql_url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE seen (id INT)"))
        assert connection.scalar(sqlalchemy.text("SELECT DATABASE()")) == any_sql_url.rsplit("/", 1)[1]
        version: str = connection.scalar(sqlalchemy.text("SELECT VERSION()")) or ""
    engine.dispose()
    assert any_sql_server.version in version
    assert ("MariaDB" in version) == (any_sql_server.kind == "mariadb")


def test_databases_of_earlier_tests_are_gone(any_sql_server: Server, any_sql_url: str) -> None:
    engine = sqlalchemy.create_engine(any_sql_server.url())
    with engine.connect() as connection:
        names = connection.scalars(sqlalchemy.text("SHOW DATABASES LIKE 't\\_%'")).all()
    engine.dispose()
    assert names == [any_sql_url.rsplit("/", 1)[1]]


def test_mysql_and_mariadb_urls_lead_to_each(mysql_url: str, mariadb_url: str) -> None:
    for url, is_mariadb in ((mysql_url, False), (mariadb_url, True)):
        engine = sqlalchemy.create_engine(url)
        engine.connect().close()
        assert engine.dialect.is_mariadb is is_mariadb  # type: ignore[attr-defined]
        engine.dispose()


def test_redis_is_empty(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "over")


def test_redis_is_empty_again(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_a_test_without_its_server_fails_with_one_line(tmp_path: Path) -> None:
    output = run_pytest(
        tmp_path,
        "def test_sql(mysql_url): pass\ndef test_own(make_server): make_server('redis')\n",
        ZDRELEASE_SERVERS="podman",
    )
    assert "no mysql server: ZDRELEASE_SERVERS='podman'" in output
    assert "no redis server: ZDRELEASE_SERVERS='podman'" in output
    assert "Traceback" not in output
    assert "conftest.py:" not in output
    assert "1 failed, 1 error" in output


def test_a_failing_test_shows_what_its_servers_logged(tmp_path: Path) -> None:
    output = run_pytest(
        tmp_path, "def test_both(redis_url, make_server):\n    make_server('redis')\n    raise ValueError('mine')\n"
    )
    assert output.count("last lines logged by <redis ") == 2
    assert output.count("Ready to accept connections") == 2


def test_a_failing_test_shows_and_keeps_the_logs_of_every_node(tmp_path: Path) -> None:
    test = "def test_pair(mariadb_replication, make_replication):\n    raise ValueError('mine')\n"
    output = run_pytest(tmp_path, test, "-p", "cacheprovider")
    assert output.count("last lines logged by <mariadb ") == 2
    kept = sorted((tmp_path / ".pytest_cache" / "d" / "server-logs").iterdir())
    assert [path.name for path in kept] == [f"test_it.py-test_pair-{number}-mariadb.log" for number in (0, 1)]
    assert "Slave I/O thread" in kept[1].read_text()
    assert all(str(path) in output.replace("\n", "") for path in kept)


def test_a_pair_beyond_repair_is_replaced_for_the_next_test(tmp_path: Path) -> None:
    test = (
        "def test_one(mariadb_replication):\n    mariadb_replication.replica.server.close()\n"
        "def test_two(mariadb_replication):\n    mariadb_replication.wait_caught_up()\n    raise ValueError('mine')\n"
    )
    output = run_pytest(tmp_path, test)
    assert "1 failed, 1 passed" in output
    assert "ValueError: mine" in output


NEEDS_CONTAINERS = """
import pytest
from tests.conftest import require_containers
@pytest.fixture
def containers():
    require_containers()
def test_one(containers): pass
def test_two(): require_containers()
def test_that_fails(): assert not "mine"
"""


def test_tests_on_containers_that_were_not_wanted_are_counted_in_the_summary(tmp_path: Path) -> None:
    output = run_pytest(tmp_path, NEEDS_CONTAINERS, ZDRELEASE_SERVERS="processes")
    assert "servers: tests on containers that did not run: 2 (ZDRELEASE_SERVERS=processes)" in output
    assert "1 failed, 2 skipped" in output


def test_tests_on_containers_that_were_wanted_fail_with_one_line(tmp_path: Path) -> None:
    too_long = str(tmp_path / ("x" * 90))
    output = run_pytest(
        tmp_path,
        NEEDS_CONTAINERS,
        ZDRELEASE_SERVERS="containers",
        ZDRELEASE_SERVERS_DIR=too_long,
        DOCKER_HOST="unix:///nonexistent/docker.sock",
    )
    assert "no containers: no Docker engine answers on a local socket; no private Docker engine: " in output
    assert "Traceback" not in output
    assert "2 failed, 1 error" in output
