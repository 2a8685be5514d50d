"""How a run ends when it does not end well. Exit codes are DESIGN's contract."""

from __future__ import annotations

from collections.abc import Sequence

from zdmigrate.errors import ZdmigrateError


class ServerError(ZdmigrateError):
    """A server refused a statement.

    Attributes:
        node: name of the node in the topology.
        errno: the server's error number.
        message: the server's own words.
    """

    exit_code = 4

    def __init__(self, node: str, errno: int, message: str, statement: str) -> None:
        super().__init__(f"{node} refused `{statement}`: {errno} {message}")
        self.node = node
        self.errno = errno
        self.message = message


class LostError(ZdmigrateError):
    """The connection went away, or no answer came in time: what happened to the statement is *unknown*.

    Whoever catches it reads the server's state on a fresh connection before doing anything else.
    """

    exit_code = 4

    def __init__(self, node: str, reason: str, statement: str) -> None:
        super().__init__(f"{node} did not answer `{statement}`: {reason}")
        self.node = node
        self.reason = reason


class RefusedError(ZdmigrateError):
    """Nothing was changed. Each reason is one sentence with what to do next."""

    exit_code = 6

    def __init__(self, reasons: Sequence[str]) -> None:
        listed = f" {reasons[0]}" if len(reasons) == 1 else "".join(f"\n  - {reason}" for reason in reasons)
        super().__init__(f"refused before anything changed:{listed}")
        self.reasons = tuple(reasons)


class AbortedError(ZdmigrateError):
    """The run was given up and everything it had changed was put back."""

    exit_code = 4


class NeedsPersonError(ZdmigrateError):
    """The run cannot go on alone.

    Attributes:
        command: the one command that continues or ends it.
    """

    exit_code = 5

    def __init__(self, problem: str, command: str) -> None:
        super().__init__(f"{problem}\n  next: {command}")
        self.problem = problem
        self.command = command
