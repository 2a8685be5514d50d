"""What a throwaway server is, whoever provides it."""

from typing import Literal, Protocol, get_args, runtime_checkable

Kind = Literal["mysql", "mariadb", "redis"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class ServerError(Exception):
    """A server did not do what it was asked; the message is one line, the log has the rest."""


class ServerUnavailableError(ServerError):
    """This machine cannot provide a server of that kind.

    Attributes:
        kind: The kind that was asked for.
        reason: What was tried, and what to do about it.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(f"no {kind} server: {reason}")
        self.kind = kind
        self.reason = reason


@runtime_checkable
class Server(Protocol):
    """One throwaway server on loopback, with data of its own.

    Its port and data outlive `stop`, `kill` and `restart`; `close` ends the process and removes the data.
    Every method may be called in any state: starting a running server or stopping a stopped one does nothing.
    """

    @property
    def kind(self) -> Kind:
        """Which server this is."""

    @property
    def version(self) -> str:
        """The server's version, for example `9.7.4`."""

    @property
    def running(self) -> bool:
        """Whether its process exists (also when paused)."""

    def start(self) -> None:
        """Start it and return when it answers a query.

        Raises:
            ServerError: It ended, or did not answer in time.
        """

    def stop(self) -> None:
        """Shut it down politely, and by force when that takes too long."""

    def kill(self) -> None:
        """Take it away at once, as `kill -9` or a power cut would; what it acknowledged is kept."""

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nobody answers."""

    def resume(self) -> None:
        """Let a paused server go on."""

    def restart(self) -> None:
        """Stop and start on the same port, with the same data."""

    def close(self) -> None:
        """End it and remove its data. It cannot be started again."""

    def url(self, database: str | None = None) -> str:
        """The SQLAlchemy or redis URL of a database on it (for Redis, a database number; default 0)."""

    def log(self, lines: int = 40) -> str:
        """The last lines it logged."""
