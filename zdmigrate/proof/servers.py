"""A throwaway server for a proof, started for the user: in a container, else from a program on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from zdmigrate.errors import UsageError
from zdmigrate.flavour import Flavour
from zdmigrate.proof import container
from zdmigrate.proof.binaries import Binary, UnusableError, find, inspect
from zdmigrate.proof.container import ContainerServer
from zdmigrate.proof.process import LocalServer, StartError, telling_line
from zdmigrate.proof.scratch import ServerLostError

Say = Callable[[str], None]


@dataclass(frozen=True)
class Throwaway:
    """A server that is ours alone.

    Attributes:
        url: SQLAlchemy URL of it, with its password: never to be shown.
        origin: what it is, for the report: `container mysql:8.4`, `/usr/sbin/mysqld`; "" for a server that was given.
        log: its last lines.
    """

    url: str
    origin: str
    log: Callable[[], str]


@contextmanager
def throwaway(target: Flavour, *, binary: Path | None = None, say: Say = lambda _: None) -> Iterator[Throwaway]:
    """A server of the target's family; it is ended, and everything of it removed, when the block ends.

    A container has the target's version. A program on this machine has its own: compare it with `target`.

    Args:
        binary: the program to use; None means a container where a Docker engine answers, else one on PATH.
        say: told what is being started, as that may take a while.

    Raises:
        UsageError: when there is none, saying what was tried and what to do.
    """
    server, origin = _started(target, binary, say)
    try:
        yield Throwaway(server.url, origin, server.log)
    except UsageError as error:
        lost = error if isinstance(error, ServerLostError) else error.__cause__
        if isinstance(lost, ServerLostError):
            raise UsageError(f"{lost}; the last it logged: {telling_line(server.log())}") from error
        raise
    finally:
        server.close()


@contextmanager
def given_or_throwaway(
    url: str | None, target: Flavour, *, binary: Path | None = None, say: Say = lambda _: None
) -> Iterator[Throwaway]:
    """The server at that URL, with no origin; without a URL, one of our own (see `throwaway`)."""
    if url is not None:
        yield Throwaway(url, "", lambda: "")
        return
    with throwaway(target, binary=binary, say=say) as made:
        yield made


def _started(target: Flavour, named: Path | None, say: Say) -> tuple[LocalServer | ContainerServer, str]:
    if named is not None:
        try:
            program = inspect(named)
            if program.flavour.vendor != target.vendor:
                raise UnusableError(
                    f"{named} is {program.flavour}, and the target is {target}; say --target {program.flavour}"
                )
            return _start(LocalServer(program), say, str(named), program.flavour), str(named)
        except (UnusableError, StartError) as error:
            raise UsageError(f"--server-binary: {error}") from error
    tried = []
    why = container.no_engine()
    if not why:
        try:
            return _start(ContainerServer(target), say, "a container", target), f"container {target}"
        except StartError as error:
            why = f"{error} (TESTCONTAINERS_RYUK_DISABLED=true helps where only its helper image cannot be pulled)"
    tried.append(f"container: {why}")
    try:
        found: Binary = find(target.vendor)
        return _start(LocalServer(found), say, str(found.path), found.flavour), str(found.path)
    except (UnusableError, StartError) as error:
        tried.append(f"program: {error}")
    raise UsageError(
        f"there is no server of {target.vendor} to prove on; {'; '.join(tried)}. Start Docker or install the server "
        "(--server-binary PATH names one that is not on PATH), or give a server with --server URL"
    )


def _start(
    server: LocalServer | ContainerServer, say: Say, where: str, flavour: Flavour
) -> LocalServer | ContainerServer:
    say(f"starting {flavour} from {where}")
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server
