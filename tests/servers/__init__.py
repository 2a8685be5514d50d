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

from tests.servers.base import KINDS, Kind, Server, ServerError, ServerUnavailableError
from tests.servers.providers import Provider, provider_for

__all__ = ["KINDS", "Kind", "Provider", "Server", "ServerError", "ServerUnavailableError", "open_server"]


def open_server(
    kind: Kind,
    *,
    version: str | None = None,
    binlog: bool = False,
    args: tuple[str, ...] = (),
    provider: Provider | None = None,
) -> Server:
    """Start a fresh server from the provider that `ZDRELEASE_SERVERS` names.

    `processes` are binaries on this machine, `containers` images on a Docker engine (a private one where none
    answers). `auto`, the default, is containers where an engine answers anyway and can have the image, else processes.

    Args:
        kind: Which server.
        version: Its version or the beginning of one, `11.8` for example; the default of the kind when not given.
        binlog: Write a row-based binary log with GTIDs (MySQL and MariaDB; Redis ignores it).
        args: Further options for the server's command line, for example `("--performance-schema=ON",)`.
        provider: This one, whatever the environment says.

    Raises:
        ServerUnavailableError: This machine cannot provide it; says what was tried.
        ServerError: It was found but did not start.
    """
    if (provider or provider_for(kind, version)) == "containers":
        from tests.servers.containers import open_container

        return open_container(kind, version=version, binlog=binlog, args=args)
    from tests.servers.processes import open_process

    return open_process(kind, version=version, binlog=binlog, args=args)
