"""Redis (or Valkey) as a process."""

import redis

from tests.servers.base import Kind
from tests.servers.binaries import Binary
from tests.servers.processes import ProcessServer


class RedisProcess(ProcessServer):
    """A Redis without persistence; `args=("--appendonly", "yes")` gives it some."""

    kind: Kind = "redis"

    def __init__(self, binary: Binary, *, args: tuple[str, ...] = ()) -> None:
        super().__init__(binary)
        self._args = args

    def url(self, database: str | None = None) -> str:
        """See `Server.url`."""
        return f"redis://127.0.0.1:{self._port}/{database or 0}"

    def _lay_out(self) -> None:
        (self._home / "data").mkdir()

    def _options(self) -> list[str]:
        return [
            *("--bind", "127.0.0.1"),
            *("--port", str(self._port)),
            *("--dir", str(self._home / "data")),
            *("--save", ""),
            *self._args,
        ]

    def _ping(self) -> bool:
        with redis.Redis.from_url(self.url(), socket_timeout=2) as client:
            return bool(client.info("server")["process_id"] == self.pid)
