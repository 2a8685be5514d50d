"""What the package offers, and what importing it may not cost."""

from __future__ import annotations

import subprocess
import sys

import pytest

import zdsession

PUBLIC = [
    "AppType",
    "ConfigurationError",
    "DegradedWriteError",
    "HeadersSentError",
    "Keyring",
    "NotStorableError",
    "Session",
    "SessionError",
    "SessionManager",
    "SessionMiddleware",
    "Store",
    "StoreUnavailableError",
    "TooLargeError",
    "open_store",
]


def test_the_public_names() -> None:
    code = (
        "import zdsession, types; print([n for n, v in vars(zdsession).items() if n[0] != '_' "
        "and not isinstance(v, types.ModuleType)])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert sorted(eval(out)) == PUBLIC
    assert all(hasattr(zdsession, name) for name in PUBLIC)


@pytest.mark.parametrize(
    "store", ["", "redis://localhost", "sqlite:////tmp/none.db", "mysql+pymysql://h/d", "memory://"]
)
def test_what_is_not_imported(store: str) -> None:
    """A web process pays for what it uses; one that uses one store does not load the other's driver."""
    code = f"import sys, zdsession; {store!r} and zdsession.SessionManager({store!r}); print(*sys.modules)"
    modules = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    never = {"alembic", "sqlglot", "click", "rich", "flask", "zdmigrate", "pickle"}
    never |= {"redis"} if not store.startswith("redis") else {"sqlalchemy"}
    if store.startswith(("redis", "sqlite", "mysql")):
        never.discard("pickle")  # the drivers import it for purposes of their own
    assert not never & modules
