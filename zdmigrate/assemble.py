"""From settings to a plan: find the history and the starting schema, replay, judge, ask the live server.

The one place where the reading side of zdmigrate is put together; the command line only parses and prints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from zdmigrate.config import Settings, expand_variables
from zdmigrate.errors import UsageError
from zdmigrate.flavour import DEFAULT_TARGET, Flavour
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.charsets import schema_defaults
from zdmigrate.history.recording import RecordedHistory, RecordedRevision
from zdmigrate.history.replay import ReplayOptions, replay, replay_downgrades
from zdmigrate.history.scripts import Revision, Scripts
from zdmigrate.plan import Plan, make_plan
from zdmigrate.report.wording import plural
from zdmigrate.verdict.fleet_proof import FleetProof

if TYPE_CHECKING:
    from sqlalchemy import MetaData
    from sqlalchemy.engine import Connection

    from zdmigrate.live import LiveSchema
    from zdsession.manifest import Manifest

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What to plan.

    Attributes:
        from_: the deployed revision(s), comma-separated, or None when nobody said.
        to: judge up to this revision, or None for every head.
        since: like `from_`, or `git:REF`: the revisions whose files that commit holds.
        metadata: the app's MetaData as starting schema, for a history that begins with `create_all`.
        downgrade: judge downgrade() of the pending revisions instead.
        base: the schema at `from_`, kept by a run that stopped half way; the database is beyond it by now.
        fleet: what the live fleet said; its manifests are old code, beside those of the settings.
    """

    settings: Settings
    from_: str | None = None
    to: str | None = None
    since: str | None = None
    metadata: str | None = None
    downgrade: bool = False
    base: Catalog | None = None
    fleet: FleetProof | None = None


def assemble(request: Request, *, progress: Progress | None = None) -> Plan:
    """The judged plan.

    Raises:
        UsageError: for everything that cannot be used as it is: no history, an unknown revision, an unreadable file,
            a database that does not answer.
    """
    settings = request.settings
    if request.from_ and request.since:
        raise UsageError("--from and --since both say where to begin; give one of them")
    scripts = _load(settings)
    with ExitStack() as stack:
        connection, live = _live(settings, stack)
        target = _target(settings, live)
        deployed = _deployed(request, scripts, live)
        pending = _pending(request, scripts, deployed or ())
        history = _replay(request, scripts, target, live, deployed, pending, progress)
        base = None
        if deployed is not None and not request.downgrade:
            base = _schema_at(history, scripts, deployed)
        plan = make_plan(
            history,
            [item.revision for item in pending],
            target=target,
            deployed=deployed or (() if deployed is None else ("base",)),
            base=base,
            manifests=_manifests(settings),
            fleet=request.fleet,
            sizes=live.sizes if live else None,
            has_replica=live.has_replica if live else None,
        )
        if connection is not None:
            from zdmigrate.live import prove_conditions

            plan = prove_conditions(connection, plan)
    return replace(plan, warnings=(*_warnings(history, plan), *_unnamed(settings)))


def history_heads(settings: Settings) -> tuple[str, ...]:
    """The heads of the app's history."""
    return _load(settings).heads


def metadata_of(settings: Settings, path: str) -> MetaData:
    """The app's MetaData, imported as its alembic.ini says.

    Raises:
        UsageError: when it cannot be imported, or is something else.
    """
    from zdmigrate.history.load import import_metadata
    from zdmigrate.history.scripts import prepended_path

    return import_metadata(path, prepended_path(settings.config))


def _load(settings: Settings) -> Scripts:
    return Scripts.load(
        settings.config,
        script_location=settings.script_location,
        version_locations=settings.version_locations,
        stub_imports=settings.stub_imports,
    )


def _live(settings: Settings, stack: ExitStack) -> tuple[Connection | None, LiveSchema | None]:
    if settings.url is None:
        return None, None
    from zdmigrate.live import connected, read_live

    connection = stack.enter_context(connected(expand_variables(settings.url)))
    return connection, read_live(connection, version_table=settings.version_table)


def _target(settings: Settings, live: LiveSchema | None) -> Flavour:
    if settings.target is not None:
        return Flavour.parse(settings.target)
    return live.flavour if live is not None else DEFAULT_TARGET


def _deployed(request: Request, scripts: Scripts, live: LiveSchema | None) -> tuple[str, ...] | None:
    """The deployed heads; None when nobody said."""
    if request.since is not None and request.since.startswith("git:"):
        from zdmigrate.manifest import revisions_at

        known = revisions_at(request.since[4:], {item.revision: str(item.path) for item in scripts})
        return _heads_of(scripts, known)
    named = request.from_ or request.since
    if named is not None:
        return scripts.resolve(*_symbols(named))
    if live is not None and live.heads:
        return scripts.resolve(*live.heads)
    return None


def _symbols(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _heads_of(scripts: Scripts, revisions: set[str]) -> tuple[str, ...]:
    inner = {parent for item in scripts if item.revision in revisions for parent in item.down_revisions}
    return tuple(sorted(revisions - inner))


def _pending(request: Request, scripts: Scripts, deployed: Sequence[str]) -> tuple[Revision, ...]:
    end = scripts.resolve(*_symbols(request.to)) if request.to else ()
    return scripts.upgrade_path(deployed, end)


def _replay(
    request: Request,
    scripts: Scripts,
    target: Flavour,
    live: LiveSchema | None,
    deployed: Sequence[str] | None,
    pending: Sequence[Revision],
    progress: Progress | None,
) -> RecordedHistory:
    settings = request.settings
    start, at_deployed = _starting_schema(request, target, live)
    order = list(pending)
    if not at_deployed:
        order = [*scripts.upgrade_path((), deployed), *pending] if deployed else order
    elif live is not None and settings.schema is None and request.base is None and deployed is not None:
        order = [*_missing_there(scripts, live, deployed), *pending]
    options = ReplayOptions(
        flavour=target,
        base=start,
        imports=settings.imports,
        stub_imports=settings.stub_imports,
        revision_timeout=settings.revision_timeout,
        metadata=_app_metadata(settings),
        version_table=settings.version_table,
    )
    history = replay(scripts, options, only=[item.revision for item in order], progress=progress)
    if not request.downgrade:
        return history
    return replace(history, revisions=replay_downgrades(scripts, options, history, progress=progress))


def _missing_there(scripts: Scripts, live: LiveSchema, deployed: Sequence[str]) -> tuple[Revision, ...]:
    """The deployed revisions that the live database does not have yet.

    Raises:
        UsageError: when it has revisions that are not among the deployed ones: its schema is then not that of old code.
    """
    there = scripts.resolve(*live.heads)
    beyond = scripts.ancestors(there) - scripts.ancestors(deployed)
    if beyond:
        raise UsageError(
            f"the database is at {', '.join(there)}, beyond {', '.join(deployed) or 'base'}, where --from or --since "
            "begins; leave that out to judge what the database lacks, or judge without --url"
        )
    return scripts.upgrade_path(there, deployed) if there and deployed else ()


def _app_metadata(settings: Settings) -> MetaData | None:
    """The app's MetaData: its naming convention names the constraints that revisions leave unnamed."""
    if settings.metadata is None:
        return None
    try:
        return metadata_of(settings, settings.metadata)
    except UsageError:
        if settings.stub_imports:
            return None
        raise


def _starting_schema(request: Request, target: Flavour, live: LiveSchema | None) -> tuple[Catalog, bool]:
    """The schema to begin with, and whether it is the one at the deployed revision (else: before the history)."""
    from zdmigrate.history.load import from_dump, from_metadata

    settings = request.settings
    if request.base is not None:
        return request.base, True
    if settings.schema is not None:
        try:
            text = settings.schema.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read schema {settings.schema}: {error}") from error
        return from_dump(text, target), True
    if live is not None:
        return live.catalog, True
    if request.metadata is not None:
        return from_metadata(metadata_of(settings, request.metadata), target), False
    charset, collation = schema_defaults(target)
    return Catalog(charset=charset, collation=collation), False


def _schema_at(history: RecordedHistory, scripts: Scripts, deployed: Sequence[str]) -> Catalog:
    """The schema after the deployed revisions: that of the last of them replayed, or where the replay began."""
    known = scripts.ancestors(deployed)
    last: RecordedRevision | None = None
    for item in history.revisions:
        if item.revision in known:
            last = item
    return last.after if last is not None else history.base


def _manifests(settings: Settings) -> tuple[Manifest, ...]:
    if not settings.deployed:
        return ()
    from zdmigrate.manifest import read_deployed

    return read_deployed(settings.deployed, manifest_path=Path(settings.manifest), metadata=settings.metadata)


def _unnamed(settings: Settings) -> tuple[str, ...]:
    """What stand-ins cannot say: the naming convention of a MetaData that cannot be imported."""
    if settings.metadata is None or not settings.stub_imports or _app_metadata(settings) is not None:
        return ()
    return (
        f"{settings.metadata} cannot be imported here, so constraints that revisions leave unnamed may have other "
        "names; run zdmigrate in the app's own environment",
    )


def _warnings(history: RecordedHistory, plan: Plan) -> tuple[str, ...]:
    judged = {item.revision for item in plan.revisions}
    broken = [item for item in history.revisions if item.error is not None and item.revision not in judged]
    if not broken:
        return ()
    return (
        f"{plural(len(broken), 'deployed revision')} could not be replayed (first {broken[0].revision}: "
        f"{broken[0].error.message if broken[0].error else ''}), so the schema may be incomplete; "
        "--schema or --url gives the real one",
    )
