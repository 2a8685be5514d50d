"""Finding an Alembic history and ordering it: files -> a graph of revisions, parents first.

Files are read one by one, and imported only when an identifier is computed, so one broken file costs one revision
and not the whole history. env.py is never executed. Resolving ids and ordering is Alembic's own `RevisionMap`.
"""

from __future__ import annotations

import configparser
import importlib.machinery
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from alembic.config import Config
from alembic.script.revision import CycleDetected, MultipleHeads, ResolutionError, RevisionError, RevisionMap
from alembic.script.revision import Revision as GraphRevision
from alembic.util import CommandError

from zdmigrate.errors import UsageError
from zdmigrate.history.identifiers import Identifiers, read_identifiers
from zdmigrate.history.recorder.modules import load_module
from zdmigrate.history.recorder.stubs import stand_ins
from zdmigrate.history.recording import ReplayError

_SEPARATORS = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}


@dataclass(frozen=True)
class Revision:
    """One revision file.

    Attributes:
        down_revisions, depends_on: full ids, resolved.
        branch_labels: its own and those inherited along its branch.
        declared: "expand" or "contract" when its author said so, else None.
        error: set when the file cannot be used; the graph holds nevertheless.
    """

    revision: str
    down_revisions: tuple[str, ...]
    path: Path
    message: str
    depends_on: tuple[str, ...] = ()
    branch_labels: tuple[str, ...] = ()
    declared: str | None = None
    error: ReplayError | None = None


class Scripts:
    """A history: its revisions in the order they run, and where they come from."""

    def __init__(
        self,
        revisions: Iterable[Revision],
        graph: RevisionMap,
        *,
        config: Config,
        directory: Path,
        sys_path: Sequence[str] = (),
    ) -> None:
        self.revisions = tuple(revisions)
        self.config = config
        self.directory = directory
        self.sys_path = tuple(sys_path)
        self._graph = graph
        self._by_id = {item.revision: item for item in self.revisions}
        self.heads: tuple[str, ...] = tuple(sorted(graph.heads))

    @classmethod
    def load(
        cls,
        config: Path | None = None,
        *,
        script_location: str | None = None,
        version_locations: Sequence[str] = (),
        section: str = "alembic",
        stub_imports: bool = False,
    ) -> Scripts:
        """Read a history.

        Args:
            config: alembic.ini or pyproject.toml (`zdmigrate.config.find_config` finds it as Alembic does).
            script_location: overrides the configuration's; a folder, or `package:folder`.
            version_locations: override the configuration's.
            stub_imports: replace missing modules by stand-ins where a file must be imported for its identifiers.

        Raises:
            UsageError: when there is no history, or it is no graph; one sentence saying which and where.
        """
        found = _alembic_config(config, section)
        sys_path = _prepended(found)
        location = script_location or _option(found, "script_location")
        if location is None:
            where = f"{config} has no script_location" if config else "there is no alembic.ini here"
            raise UsageError(f"{where}; pass the app's alembic.ini with -c, or --script-location")
        with _path_extended(sys_path):
            directory = _folder(location, config, "script_location")
            given = tuple(version_locations) or _split(found, "version_locations", r", *|(?: +)")
            folders = [_folder(item, config, "version_locations") for item in given] or [directory / "versions"]
            if not given and not folders[0].is_dir():
                raise UsageError(f"{directory} has no folder versions; is it an Alembic script_location?")
            found.set_main_option("script_location", str(directory).replace("%", "%%"))
            files = [file for folder in folders for file in _files(folder, _flag(found, "recursive_version_locations"))]
            read = _read_all(dict.fromkeys(file.resolve() for file in files), stub_imports)
        if not read:
            raise UsageError(f"there are no revisions in {', '.join(map(str, folders))}")
        graph = _graph(read)
        return cls(_ordered(read, graph), graph, config=found, directory=directory, sys_path=sys_path)

    def __iter__(self) -> Iterator[Revision]:
        return iter(self.revisions)

    def __len__(self) -> int:
        return len(self.revisions)

    def get(self, revision: str) -> Revision:
        """The revision of that full id.

        Raises:
            UsageError: when there is none.
        """
        if revision not in self._by_id:
            raise UsageError(f"there is no revision {revision!r} in {self.directory}")
        return self._by_id[revision]

    def resolve(self, *symbols: str) -> tuple[str, ...]:
        """Full ids of what Alembic's own commands accept: ids, the beginning of one, head, heads, base, label@head.

        `base` is no revision, so it resolves to nothing.

        Raises:
            UsageError: for an unknown or ambiguous one.
        """
        found: dict[str, None] = {}
        for symbol in symbols:
            with _as_usage_error(symbol, self.directory):
                items = self._graph.get_revisions(symbol)
            found.update(dict.fromkeys(item.revision for item in items if isinstance(item, GraphRevision)))
        return tuple(found)

    def ancestors(self, revisions: Iterable[str]) -> frozenset[str]:
        """Those revisions and everything that runs before them, dependencies included."""
        seen: set[str] = set()
        todo = list(revisions)
        while todo:
            current = todo.pop()
            if current not in seen:
                seen.add(current)
                item = self._by_id[current]
                todo.extend((*item.down_revisions, *item.depends_on))
        return frozenset(seen)

    def upgrade_path(self, start: Iterable[str] = (), end: Iterable[str] = ()) -> tuple[Revision, ...]:
        """What `upgrade` from `start` (nothing: base) to `end` (nothing: every head) runs, in order."""
        wanted = self.ancestors(tuple(end) or self.heads) - self.ancestors(start)
        return tuple(item for item in self.revisions if item.revision in wanted)


def _alembic_config(path: Path | None, section: str) -> Config:
    try:
        if path is None:
            return Config(ini_section=section)
        if not path.is_file():
            raise UsageError(f"there is no configuration file {path}; pass the app's alembic.ini with -c")
        pyproject = path if path.suffix == ".toml" else path.parent / "pyproject.toml"
        if hasattr(Config, "toml_file_name"):
            ini = None if path.suffix == ".toml" else str(path)
            config = Config(ini, toml_file=str(pyproject) if pyproject.is_file() else None, ini_section=section)
        elif path.suffix == ".toml":
            raise UsageError(f"this Alembic does not read {path.name}; write an alembic.ini")
        else:
            config = Config(str(path), ini_section=section)
        _option(config, "script_location")
        if not config.file_config.has_section(section):
            config.file_config.add_section(section)
        return config
    except (configparser.Error, UnicodeDecodeError, ValueError, CommandError) as error:
        raise UsageError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error


def _option(config: Config, name: str) -> str | None:
    read = getattr(config, "get_alembic_option", config.get_main_option)
    try:
        value = read(name)
    except (configparser.Error, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{name} cannot be read from the configuration: {str(error).splitlines()[0]}") from error
    return "\n".join(value) if isinstance(value, list) else None if value is None else str(value)


def _flag(config: Config, name: str) -> bool:
    return (_option(config, name) or "").strip().lower() == "true"


def _split(config: Config, name: str, legacy: str) -> tuple[str, ...]:
    """A list option as Alembic splits it: by path_separator, or the way it did before that existed."""
    text = _option(config, name)
    if not text:
        return ()
    if not config.file_config.has_option(config.config_ini_section, name):
        return tuple(text.split("\n"))
    names = ("path_separator", "version_path_separator") if name == "version_locations" else ("path_separator",)
    separator = next((value for value in (_option(config, item) for item in names) if value), None)
    if separator is not None and separator not in _SEPARATORS:
        raise UsageError(f"path_separator = {separator!r}; write one of {', '.join(_SEPARATORS)}")
    parts = re.split(legacy, text) if separator is None else text.split(_SEPARATORS[separator])
    return tuple(part.strip() for part in parts if part.strip())


def _folder(location: str, config: Path | None, option: str) -> Path:
    """A folder as Alembic finds it, from `package:folder` too, without importing the package."""
    if not os.path.isabs(location) and ":" in location:
        package, *below = location.split(":")
        root = _package_folder(package)
        if root is None:
            raise UsageError(
                f"{option} = {location}: the package {package} is not installed here; "
                "run zdmigrate where the app can be imported"
            )
        folder = root.joinpath(*below)
    else:
        folder = Path(location)
        if not folder.is_dir() and not folder.is_absolute() and config is not None:
            folder = config.parent / location
    if not folder.is_dir():
        raise UsageError(f"{option} = {location}: there is no such folder")
    return folder.absolute()


def _package_folder(package: str) -> Path | None:
    search: Sequence[str] | None = None
    for part in package.split("."):
        spec = importlib.machinery.PathFinder.find_spec(part, search)
        if spec is None or spec.submodule_search_locations is None:
            return None
        search = list(spec.submodule_search_locations)
    return Path(search[0]) if search else None


def _files(folder: Path, recursive: bool) -> Iterator[Path]:
    found = folder.rglob("*.py") if recursive else folder.glob("*.py")
    for path in sorted(found):
        if not path.name.startswith((".#", "__init__")) and "__pycache__" not in path.parts:
            yield path


def _read_all(files: Iterable[Path], stub_imports: bool) -> dict[str, tuple[Path, Identifiers]]:
    read: dict[str, tuple[Path, Identifiers]] = {}

    def load(path: Path) -> object:
        with stand_ins(enabled=stub_imports):
            return load_module(path)

    for path in files:
        item = read_identifiers(path, load)
        if item is None:
            continue
        if item.revision in read:
            raise UsageError(f"two files are revision {item.revision}: {read[item.revision][0]} and {path}")
        read[item.revision] = (path, item)
    return read


def _graph(read: dict[str, tuple[Path, Identifiers]]) -> RevisionMap:
    labels = {label for _, item in read.values() for label in item.branch_labels}
    for path, item in read.values():
        for target in (*item.down_revision, *item.depends_on):
            if target in read or (target in labels and target in item.depends_on):
                continue
            begins = [name for name in read if name.startswith(target)]
            if len(begins) != 1 or len(target) < 4:
                raise UsageError(f"{path}: revision {item.revision} comes after {target}, which does not exist")
    with _as_usage_error(None, next(iter(read.values()))[0].parent):
        graph = RevisionMap(lambda: [_node(item, read) for _, item in read.values()])
        _ = graph.heads
    return graph


def _node(item: Identifiers, read: dict[str, tuple[Path, Identifiers]]) -> GraphRevision:
    def full(target: str) -> str:
        return target if target in read else next((name for name in read if name.startswith(target)), target)

    down = tuple(full(target) for target in item.down_revision)
    return GraphRevision(item.revision, down or None, item.depends_on or None, item.branch_labels or None)


def _ordered(read: dict[str, tuple[Path, Identifiers]], graph: RevisionMap) -> list[Revision]:
    """Parents first, as `alembic upgrade heads` runs them."""
    nodes = list(graph.iterate_revisions("heads", "base", inclusive=True))[::-1]
    made: list[Revision] = []
    lineage: dict[str, str | None] = {}
    for node in nodes:
        path, item = read[node.revision]
        down = tuple(dict.fromkeys(_names(node.down_revision)))
        own = next((label.lower() for label in item.branch_labels if label.lower() in ("expand", "contract")), None)
        inherited = {lineage[parent] for parent in down}
        lineage[node.revision] = own or (inherited.pop() if len(inherited) == 1 else None)
        depends = tuple(dict.fromkeys(name for name in node._resolved_dependencies if name not in down))
        made.append(
            Revision(
                revision=node.revision,
                down_revisions=down,
                path=path,
                message=item.message,
                depends_on=depends,
                branch_labels=tuple(sorted(node.branch_labels)),
                declared=item.phase or lineage[node.revision],
                error=replace(item.error, path=str(path)) if item.error else None,
            )
        )
    return made


def _names(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(map(str, value)) if isinstance(value, Iterable) else ()


@contextmanager
def _as_usage_error(symbol: str | None, where: Path) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except CycleDetected as error:
        raise UsageError(f"the history in {where} has a cycle: {' -> '.join(error.revisions)}") from error
    except MultipleHeads as error:
        raise UsageError(
            f"{symbol!r} names several revisions ({', '.join(error.heads)}); write one of them, or heads"
        ) from error
    except ResolutionError as error:
        reason = "is the beginning of several revisions" if "ultiple" in str(error) else "is no revision"
        raise UsageError(f"{symbol!r} {reason} of {where}") from error
    except RevisionError as error:
        raise UsageError(f"the history in {where} is no graph: {str(error).rstrip('.')}") from error


def prepended_path(config: Path | None, section: str = "alembic") -> tuple[str, ...]:
    """The folders that the configuration puts before sys.path, as Alembic reads them.

    Raises:
        UsageError: when the configuration cannot be read.
    """
    return _prepended(_alembic_config(config, section))


def _prepended(config: Config) -> tuple[str, ...]:
    return _split(config, "prepend_sys_path", r", *|(?: +)|\:")


@contextmanager
def _path_extended(entries: Sequence[str]) -> Iterator[None]:
    before = list(sys.path)
    sys.path[:0] = list(entries)
    try:
        yield
    finally:
        sys.path[:] = before
