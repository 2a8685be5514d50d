"""Writing and finding manifests: from the app's MetaData, from a file, or from a git commit."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from zdmigrate.errors import UsageError
from zdsession.manifest import Manifest, ManifestError, MappedColumn, MappedTable

if TYPE_CHECKING:
    from sqlalchemy import Column, MetaData

#: Seconds git, or the import of an old version's models, may take.
_GIT_TIMEOUT = 60.0


def manifest_of(metadata: MetaData, *, version: str, heads: Sequence[str]) -> Manifest:
    """The manifest of what `metadata` maps.

    Args:
        version: the app's version, as its release calls it.
        heads: Alembic heads this code was written for.
    """
    tables = {
        key: MappedTable({column.name: _mapped(column) for column in table.columns})
        for key, table in sorted(metadata.tables.items())
    }
    return Manifest(version, tuple(sorted(heads)), tables)


def _mapped(column: Column[object]) -> MappedColumn:
    from sqlalchemy.dialects import mysql

    type_ = column.type
    members = tuple(getattr(type_, "enums", None) or getattr(type_, "values", None) or ())
    return MappedColumn(
        type=str(type_.compile(dialect=mysql.dialect())),
        nullable=bool(column.nullable) and not column.primary_key,
        server_default=_server_default(column),
        client_default=column.default is not None,
        members=tuple(map(str, members)) if not callable(members) else (),
        primary_key=column.primary_key,
        autoincrement=column is column.table.autoincrement_column,
        generated=column.computed is not None,
    )


def _server_default(column: Column[object]) -> str | None:
    default = column.server_default
    argument = getattr(default, "arg", None)
    if default is None or column.computed is not None:
        return None
    return str(getattr(argument, "text", argument)) if argument is not None else str(default)


#: Such a manifest would prove that nobody needs anything.
_MAPS_NOTHING = "maps no table at all: import the modules with the models where it is written (metadata = ...)"


def read_deployed(sources: Sequence[str], *, manifest_path: Path, metadata: str | None) -> tuple[Manifest, ...]:
    """The manifests that `--deployed` names: files, or git:REF.

    For git:REF the commit's own manifest file is read when it has one; else its models are imported (in a separate
    process, from a copy of the commit) with the `metadata` setting.

    Raises:
        UsageError: when one cannot be had, or maps nothing, saying which and what to do.
    """
    found = []
    for source in sources:
        try:
            if source.startswith("git:"):
                found.append(_from_git(source[4:], manifest_path, metadata))
            else:
                found.append(Manifest.read(Path(source)))
        except ManifestError as error:
            raise UsageError(str(error)) from error
        if not found[-1].tables:
            raise UsageError(f"{source} {_MAPS_NOTHING}")
    return tuple(found)


def _from_git(ref: str, manifest_path: Path, metadata: str | None) -> Manifest:
    prefix = git("rev-parse", "--show-prefix").decode().strip()
    committed = (Path(prefix) / manifest_path).as_posix()
    listed = git("ls-tree", "--name-only", "--full-tree", ref, "--", committed)
    if listed.strip():
        return Manifest.from_json(git("show", f"{ref}:{committed}"), origin=f"{ref}:{committed}")
    if metadata is None:
        raise UsageError(
            f"{ref} holds no {committed}, and no `metadata = package.module:Base.metadata` is configured to import its "
            "models with; commit the output of `zdmigrate manifest`, or set metadata"
        )
    return _import_at(ref, prefix, metadata)


def _import_at(ref: str, prefix: str, metadata: str) -> Manifest:
    """The manifest of a commit's models: its files in a temporary folder, imported by a process of its own."""
    version = git("describe", "--tags", "--always", ref).decode().strip()
    with tempfile.TemporaryDirectory(prefix="zdmigrate-") as folder:
        top = git("rev-parse", "--show-toplevel").decode().strip()
        with tarfile.open(fileobj=BytesIO(git("-C", top, "archive", ref))) as archive:
            archive.extractall(folder, filter="data")
        command = [sys.executable, "-m", "zdmigrate", "manifest", "--metadata", metadata, "--app-version", version]
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
                [*command, "--output", "-", "--heads", "unknown"],
                cwd=Path(folder) / prefix,
                capture_output=True,
                timeout=_GIT_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise UsageError(f"importing {metadata} at {ref} took over {_GIT_TIMEOUT:.0f} s") from error
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise UsageError(f"the models at {ref} cannot be imported: {last[0]}")
    return Manifest.from_json(done.stdout, origin=f"{metadata} at {ref}")


def git(*arguments: str) -> bytes:
    """Standard output of a git command.

    Raises:
        UsageError: when git is missing, refuses, or takes too long.
    """
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program, arguments never through a shell
            ["git", *arguments],  # noqa: S607 - the user's git
            capture_output=True,
            timeout=_GIT_TIMEOUT,
            check=False,
        )
    except FileNotFoundError as error:
        raise UsageError("git is not installed, and git:REF needs it") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"git {arguments[0]} took over {_GIT_TIMEOUT:.0f} s") from error
    if done.returncode != 0:
        message = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise UsageError(f"git {arguments[0]} failed: {message[0]}")
    return done.stdout


def revisions_at(ref: str, paths: dict[str, str], run: Callable[..., bytes] = git) -> set[str]:
    """Ids of the revisions whose files exist in commit `ref`; `paths` maps revision id to file."""
    top = Path(run("rev-parse", "--show-toplevel").decode().strip())
    listed = set(run("ls-tree", "-r", "-z", "--name-only", "--full-tree", ref).decode().split("\0"))
    found = set()
    for revision, path in paths.items():
        try:
            inside = Path(path).resolve().relative_to(top.resolve()).as_posix()
        except ValueError:
            continue
        if inside in listed:
            found.add(revision)
    return found
