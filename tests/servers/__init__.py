"""Real servers for tests, benchmarks and demos: one interface, started and ended by us.

    from tests.servers import open_server

    server = open_server("mysql", binlog=True)   # started, answers queries
    try:
        engine = create_engine(server.url())
        server.kill(); server.start()            # same port, same data
    finally:
        server.close()

In a test, ask for a fixture of `tests/conftest.py` instead. Importing this package needs the standard
library only: `scripts/prepare_servers` uses it before anything is installed.
"""

import os

from tests.servers.base import KINDS, Kind, Server, ServerError, ServerUnavailableError

__all__ = ["KINDS", "Kind", "Server", "ServerError", "ServerUnavailableError", "open_server"]

PROVIDER_VARIABLE = "ZDRELEASE_SERVERS"


def open_server(kind: Kind, *, binlog: bool = False, args: tuple[str, ...] = ()) -> Server:
    """Start a fresh server from the provider that `ZDRELEASE_SERVERS` names (`processes` or `auto`).

    Args:
        kind: Which server.
        binlog: Write a row-based binary log with GTIDs (MySQL and MariaDB; Redis ignores it).
        args: Further options for the server's command line, for example `("--performance-schema=ON",)`.

    Raises:
        ServerUnavailableError: This machine cannot provide it; says what was tried.
        ServerError: It was found but did not start.
    """
    provider = os.environ.get(PROVIDER_VARIABLE, "auto")
    if provider == "containers":
        raise ServerUnavailableError(
            kind, f"{PROVIDER_VARIABLE}=containers, and there is no container provider yet; use processes or auto"
        )
    if provider not in ("auto", "processes"):
        raise ServerUnavailableError(kind, f"{PROVIDER_VARIABLE}={provider!r}; it may be auto, processes or containers")
    from tests.servers.processes import open_process

    return open_process(kind, binlog=binlog, args=args)
