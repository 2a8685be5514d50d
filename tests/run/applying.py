"""Apps, servers and processes that tests of `apply` share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pymysql
import sqlalchemy
from sqlalchemy.engine import make_url

SHOP = Path(__file__).parents[2] / "examples" / "flask_app"

#: `apply` in a process of its own that gets a signal at a point between two writes.
KILLED = """
import os, signal, sys
from contextlib import nullcontext
from pathlib import Path
from zdmigrate.assemble import Request
from zdmigrate.config import load_settings
from zdmigrate.fleet import open_fleet
from zdmigrate.run.apply import apply
from zdmigrate.run.order import Order
from zdmigrate.run.policy import Policy
from zdmigrate.run.selection import Asked
from zdmigrate.run.topology import single_server
def die(point):
    print(point, flush=True)
    if point == sys.argv[2]:
        os.kill(os.getpid(), getattr(signal, sys.argv[3]))
names = ["0004c"] if any(Path("migrations/versions").glob("0004_*")) else sys.argv[5:]
reasons = dict.fromkeys(names, "tests")
store = os.environ["FLEET"]
with open_fleet(store, least_age=0) if store else nullcontext() as fleet:
    order = Order(Request(load_settings(Path("alembic.ini"))), single_server(sys.argv[1]), Asked(accept=reasons),
                  Policy(lock_wait=int(sys.argv[4])), True, "zdmigrate apply", fleet)
    apply(order, lambda prepared: True, at=die)
"""

_ENV = """
import os
from alembic import context
from sqlalchemy import create_engine
with create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


def make_env(folder: Path) -> None:
    """Give an app's history the env.py with which Alembic itself can run it."""
    (folder / "migrations" / "env.py").write_text(_ENV)


def shop(folder: Path) -> Path:
    """A copy of the example's history that Alembic itself can run."""
    shutil.copytree(SHOP, folder, ignore=shutil.ignore_patterns("__pycache__", "first_attempt", "v1", "v2"))
    make_env(folder)
    return folder


def alembic(folder: Path, url: str, *arguments: str) -> str:
    """Alembic's own command, on that database."""
    driver = make_url(url).set(drivername="mysql+pymysql").render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=folder, env={**os.environ, "DATABASE_URL": driver}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def schema(url: str) -> dict[str, str]:
    """SHOW CREATE of every table, and the rows of alembic_version."""
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        found = {}
        for (name,) in cursor.fetchall():
            cursor.execute(f"SHOW CREATE TABLE `{name}`")
            found[name] = str((cursor.fetchone() or ("", ""))[1])
        cursor.execute("SELECT version_num FROM alembic_version ORDER BY 1")
        found["versions"] = str(cursor.fetchall())
    return found


@contextmanager
def connected(url: str, **options: Any) -> Iterator[Any]:
    """A plain connection."""
    parsed = make_url(url)
    connection = pymysql.connect(
        host=parsed.host, port=parsed.port or 0, user=parsed.username, password=str(parsed.password or ""),
        database=parsed.database, autocommit=True, **options,
    )  # fmt: skip
    with closing(connection):
        yield connection


def execute(url: str, *statements: str) -> list[Any]:
    """Rows of the last of them."""
    with connected(url) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


@contextmanager
def beside(url: str) -> Iterator[str]:
    """Another empty database on the same server."""
    parsed = sqlalchemy.make_url(url)
    name = f"{parsed.database}_b"
    execute(url, f"CREATE DATABASE {name}")
    try:
        yield parsed.set(database=name).render_as_string(hide_password=False)
    finally:
        execute(url, f"DROP DATABASE {name}")


def killed_at(
    folder: Path,
    url: str,
    point: str,
    how: str = "SIGKILL",
    lock_wait: int = 1,
    accept: tuple[str, ...] = (),
    fleet: str = "",
) -> subprocess.Popen[str]:
    """An `apply` that ends itself at `point`; `fleet` is the URL of the store where it asks one."""
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, url, point, how, str(lock_wait), *accept],
        cwd=folder, env={**os.environ, "PYTHONPATH": root, "FLEET": fleet}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def reached(tool: subprocess.Popen[str], point: str) -> None:
    """Wait until a tool of :func:`killed_at` has said that it is there."""
    assert tool.stdout is not None
    assert any(line.strip() == point for line in tool.stdout), f"it ended before {point}"


def wait(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.05)
