"""The database's part of a release: which phases are pending, and `zdmigrate apply` for each.

`apply` is called as the command line calls it, in this process, by a function the caller gives: what it prints is seen
at once, a `kill -9` ends it with us, and the run it leaves behind is gone on with by the next call.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from zdmigrate.config import expand_variables, find_config, load_settings
from zdmigrate.run.errors import RefusedError
from zdmigrate.run.release.spec import ReleaseSpec
from zdmigrate.verdict.model import Phase

if TYPE_CHECKING:
    from zdmigrate.run.servers import Servers
    from zdmigrate.run.topology import Node, Topology

PhaseName = Literal["expand", "migrate", "contract"]
PHASES: tuple[PhaseName, ...] = ("expand", "migrate", "contract")
_FLEET = "ZDMIGRATE_FLEET"
_SIDES = {"expand": Phase.EXPAND, "migrate": Phase.MIGRATE, "contract": Phase.CONTRACT}


class Migrations:
    """The migrations of a release.

    Args:
        run: runs zdmigrate's command line with these arguments; the exit code.
    """

    def __init__(self, spec: ReleaseSpec, run: Callable[[Sequence[str]], int]) -> None:
        self._spec = spec
        self._run = run

    def pending(self, phase: PhaseName) -> list[str]:
        """What `apply` has to be asked for: revisions of this phase, or the run that it left unfinished.

        Empty when the first pending revision belongs to another phase, or nothing is pending. A revision that belongs
        to none is returned, for `apply` to refuse it in its own words.

        Raises:
            ZdmigrateError: the servers or the history cannot be read.
        """
        unfinished, revisions = self._look()
        return [f"run {unfinished}"] if unfinished else _leading(revisions, phase)

    def idle(self, phases: Iterable[PhaseName]) -> bool:
        """Whether nothing is pending in any of these phases, as `pending` has it; one look for all.

        Raises:
            ZdmigrateError: the servers or the history cannot be read.
        """
        unfinished, revisions = self._look()
        return not unfinished and not any(_leading(revisions, phase) for phase in phases)

    def apply(self, phase: PhaseName, *, reports: Path | None = None, dry_run: bool = False) -> int:
        """Have a phase carried out; the exit code of `zdmigrate apply`. `reports`: where it leaves its report."""
        spec = self._spec
        options = {
            "expand": spec.phases.expand_options,
            "migrate": spec.phases.migrate_options,
            "contract": spec.phases.contract_options,
        }[phase]
        arguments = ["apply", "--phase", phase, *self._where(), "--dry-run" if dry_run else "--yes"]
        if reports is not None:
            arguments += ["--report", str(reports)]
        if phase == "expand":
            return self._run([*arguments, *options])
        if phase == "contract" and "--expect-nodes" not in options:
            arguments += ["--expect-nodes", str(spec.serving)]
        with self._fleet_in_environment():
            return self._run([*arguments, *options])

    def can_rollback(self, version: str) -> int:
        """Whether that version's code could run now; the exit code of `zdmigrate can-rollback`."""
        with self._fleet_in_environment():
            return self._run(["can-rollback", version, "--url", self._primary()])

    @contextmanager
    def _fleet_in_environment(self) -> Iterator[None]:
        """Name the fleet where no command that is shown repeats it: its URL may hold a password."""
        before = os.environ.get(_FLEET)
        os.environ[_FLEET] = expand_variables(self._spec.fleet)
        try:
            yield
        finally:
            if before is None:
                del os.environ[_FLEET]
            else:
                os.environ[_FLEET] = before

    def _where(self) -> list[str]:
        spec = self._spec
        assert spec.alembic is not None
        where = ["--topology", str(spec.topology)] if spec.topology else ["--url", spec.database or ""]
        return ["--config", str(spec.alembic), *where]

    def _look(self) -> tuple[str, list[tuple[str, Phase]]]:
        """The unfinished `apply`, else the pending revisions with their phases."""
        from dataclasses import replace

        from zdmigrate.assemble import Request, assemble
        from zdmigrate.run.journal import unfinished
        from zdmigrate.run.order import KIND
        from zdmigrate.run.servers import Servers

        with Servers(self._topology()) as servers:
            entry = unfinished([servers.at(self._primary_node(servers))[0]])
        if entry is not None and entry.kind == KIND:
            return entry.id, []
        settings = replace(
            load_settings(find_config(self._spec.alembic)), target=None, schema=None, url=self._primary()
        )
        plan = assemble(Request(settings))
        return "", [(item.revision, item.side) for item in plan.revisions]

    def _primary(self) -> str:
        """URL of the serving primary, as the commands take it."""
        from zdmigrate.run.servers import Servers

        if self._spec.database is not None:
            return self._spec.database
        with Servers(self._topology()) as servers:
            node = self._primary_node(servers)
        url = node.url
        if node.option_file is not None:
            url = url.update_query_dict({"read_default_file": str(node.option_file)})
        return url.render_as_string(hide_password=False)

    def _primary_node(self, servers: Servers) -> Node:
        from zdmigrate.run.roles import find_roles

        topology = self._topology()
        if self._spec.database is not None:
            return topology.nodes[0]
        roles, reasons = find_roles(servers.observe_all())
        if roles is None:
            raise RefusedError(reasons)
        return topology.node(roles.primary.name)

    def _topology(self) -> Topology:
        topology = database_servers(self._spec)
        assert topology is not None
        return topology


def _leading(revisions: Sequence[tuple[str, Phase]], phase: PhaseName) -> list[str]:
    """The first of the pending revisions, up to one that belongs to another phase."""
    others = [side for name, side in _SIDES.items() if name != phase]
    found = []
    for revision, side in revisions:
        if side in others:
            break
        found.append(revision)
    return found


def database_servers(spec: ReleaseSpec) -> Topology | None:
    """Where the migrations of a release run; None for one without.

    Raises:
        UsageError: the topology file or the URL cannot be used.
    """
    if spec.alembic is None:
        return None
    from zdmigrate.run.topology import read_topology, single_server

    return single_server(spec.database or "") if spec.topology is None else read_topology(spec.topology)
