"""Where sessions are kept. :func:`open_store` makes a store from a URL."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from zdsession.errors import ConfigurationError
from zdsession.stores.base import Store as Store

_OFFERED = "redis://, rediss://, mysql+pymysql://, sqlite:///file.db, memory://"


def open_store(url: str, **options: Any) -> Store:
    """The store a URL names. Connects to nothing yet.

    ``options`` are those of :class:`~zdsession.stores.redis.RedisStore`,
    :class:`~zdsession.stores.sql.SqlStore` or :class:`~zdsession.stores.memory.MemoryStore`; all but the last
    take ``budget``, in seconds.

    Raises:
        ConfigurationError: no such kind of store, or a URL that cannot be one. Never shows a password.
    """
    scheme = url.partition("://")[0].lower()
    try:
        if scheme in ("redis", "rediss"):
            from zdsession.stores.redis import RedisStore

            return RedisStore(url, **options)
        if scheme in ("mysql+pymysql", "mariadb+pymysql", "sqlite"):
            if scheme == "sqlite" and url.rstrip("/") in ("sqlite:", "sqlite:///:memory:"):
                raise ConfigurationError("sqlite:// without a file keeps nothing between connections: memory:// does")
            from zdsession.stores.sql import SqlStore

            return SqlStore(url, **options)
    except (ConfigurationError, TypeError):
        raise
    except Exception as error:  # a driver's message may quote the URL, password and all
        raise ConfigurationError(f"{safe_url(url)} is not a usable store URL: {type(error).__name__}") from None
    if scheme == "memory":
        from zdsession.stores.memory import MemoryStore

        return MemoryStore(**options)
    raise ConfigurationError(f"no store for {safe_url(url)}: there are {_OFFERED}")


def safe_url(url: str) -> str:
    """``url`` as it may be shown: without user, password and options."""
    scheme, found, _ = url.partition("://")
    if not found:
        return "that URL"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return f"{scheme}://…"
    return f"{scheme}://{host}{port}{parts.path}"
