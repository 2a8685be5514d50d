"""Where sessions are kept. :func:`open_store` makes a store from a URL."""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import quote, urlsplit

from zdsession.errors import ConfigurationError
from zdsession.stores.base import Store as Store

_OFFERED = "redis://, redis+sentinel://, redis+cluster:// (or rediss…), mysql+pymysql://, sqlite:///file.db, memory://"
_MIRRORED = "mirrored:"


def open_store(url: str, **options: Any) -> Store:
    """The store a URL names. Connects to nothing yet.

    ``${NAME}`` in the URL of a server stands for an environment variable, such as one that holds a password.

    ``mirrored:FRONT|BACK`` names a :class:`~zdsession.stores.mirrored.MirroredStore` of the stores these two URLs name.

    ``options`` are those of :class:`~zdsession.stores.redis.RedisStore`,
    :class:`~zdsession.stores.sql.SqlStore`, :class:`~zdsession.stores.mirrored.MirroredStore` or
    :class:`~zdsession.stores.memory.MemoryStore`; all but the last take ``budget``, in seconds.

    Raises:
        ConfigurationError: no such kind of store, or a URL that cannot be one. Never shows a password.
    """
    if url.startswith(_MIRRORED):
        return _open_mirrored(url, **options)
    scheme = url.partition("://")[0].lower()
    if scheme != "sqlite":
        url = _with_environment(url)
    try:
        if scheme.partition("+")[0] in ("redis", "rediss"):
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


def _open_mirrored(url: str, **options: Any) -> Store:
    from zdsession.stores.mirrored import LEASE_PART, MirroredStore

    front, found, back = url.removeprefix(_MIRRORED).partition("|")
    if not found or "|" in back or _MIRRORED in (front[: len(_MIRRORED)], back[: len(_MIRRORED)]):
        raise ConfigurationError(f"a mirrored store is {_MIRRORED}FRONT|BACK, two URLs; a | in a password is %7C")
    shared = {name: options[name] for name in ("clock",) if name in options}
    stores = []
    for part in (front, back):
        budget = {} if part.startswith("memory:") else {"budget": LEASE_PART * options.get("budget", 1.0)}
        stores.append(open_store(part, **shared, **budget))
    return MirroredStore(*stores, **options)


def _with_environment(url: str) -> str:
    """``url`` with the value of VARIABLE, quoted, for each ``${VARIABLE}``."""

    def value_of(match: re.Match[str]) -> str:
        value = os.environ.get(match[1])
        if value is None:
            raise ConfigurationError(f"{safe_url(url)} needs the environment variable {match[1]}, which is not set")
        return quote(value, safe="")

    return re.sub(r"\$\{(\w+)\}", value_of, url)


def safe_url(url: str) -> str:
    """``url`` as it may be shown: without user, password and options."""
    if url.startswith(_MIRRORED):
        return _MIRRORED + "|".join(safe_url(part) for part in url.removeprefix(_MIRRORED).split("|"))
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
