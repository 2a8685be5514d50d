"""`zdmigrate prove` and `check --prove` behind their options: everything is read before a server is started."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from zdmigrate.config import Settings, expand_variables
from zdmigrate.errors import UsageError
from zdmigrate.flavour import Flavour
from zdmigrate.manifest import read_deployed
from zdmigrate.plan import Plan
from zdmigrate.proof.binaries import UnusableError, inspect
from zdmigrate.proof.old_tests import OldTests, with_old_tests
from zdmigrate.proof.oracle import server_flavour
from zdmigrate.proof.prove import NewCode, Proof, prove_plan
from zdmigrate.proof.servers import given_or_throwaway
from zdmigrate.proof.signals import ended_politely
from zdmigrate.proof.user_workload import read_workload


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options ask for.

    Attributes:
        server: URL of the server to use; None means that one is started.
        binary: the program to start it from.
        workload: files with statements of old code.
        new_code: also ask what new code needs; of `new`, its manifest, or else of the schema after the last change.
        old_tests: tests of the old version to run.
        only: the revisions to prove; empty means all.
    """

    server: str | None = None
    binary: Path | None = None
    workload: Sequence[Path] = ()
    new_code: bool = False
    new: str | None = None
    old_tests: OldTests | None = None
    only: Sequence[str] = ()


def run(
    judge: Callable[[Flavour | None], Plan],
    asked: Asked,
    settings: Settings,
    *,
    say: Callable[[str], None],
    more: Callable[[Proof, str], Proof] = lambda proof, _: proof,
) -> Proof:
    """The proof that was asked for.

    Args:
        judge: makes the plan, for that flavour, or for the one the settings name.
        say: told what takes a while.
        more: adds to the proof while the server, at that URL, still runs.

    Raises:
        UsageError: when something cannot be used as it is, or the server fails.
    """
    if asked.server is not None and asked.binary is not None:
        raise UsageError("--server and --server-binary both say which server to use; give one of them")
    url = expand_variables(asked.server) if asked.server is not None else None
    free = settings.target is None and settings.url is None
    plan = judge(_known(url, asked.binary) if free else None)
    own = read_workload(asked.workload, mariadb=plan.target.is_mariadb)
    new_code = _new_code(asked, settings)
    if not plan.revisions and not asked.only:
        return Proof(plan, plan.target, ())  # no server is started for nothing
    with ended_politely(), given_or_throwaway(url, plan.target, binary=asked.binary, say=say) as server:
        if free and url is None:
            there = server_flavour(server.url)
            if there.version[:2] != plan.target.version[:2]:
                plan = judge(there)  # nobody said which version production runs
        proof = prove_plan(plan, server.url, only=asked.only, own=own, new_code=new_code)
        proof = replace(proof, origin=server.origin)
        if asked.old_tests is not None:
            tests = replace(asked.old_tests, version_table=settings.version_table)
            proof = with_old_tests(proof, server.url, tests, say=say)
        return more(proof, server.url)


def _known(url: str | None, binary: Path | None) -> Flavour | None:
    """What the server that was named is, when nobody says what to judge for."""
    if url is not None:
        return server_flavour(url)
    if binary is None:
        return None
    try:
        return inspect(binary).flavour
    except UnusableError as error:
        raise UsageError(f"--server-binary: {error}") from error


def _new_code(asked: Asked, settings: Settings) -> NewCode | None:
    if asked.new is not None:
        (manifest,) = read_deployed((asked.new,), manifest_path=settings.manifest, metadata=settings.metadata)
        return NewCode(manifest)
    return NewCode() if asked.new_code else None
