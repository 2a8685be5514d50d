"""Finding server binaries on this machine. Standard library only."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.base import Kind, ServerUnavailableError

DIR_VARIABLE = "ZDRELEASE_SERVERS_DIR"

# Trees that `scripts/prepare_servers` makes, each with one server. A kind's first is preferred to one on PATH only for
# MySQL, which no Debian release carries; another MariaDB than the machine's own has to be asked for by version.
TREES: dict[Kind, tuple[str, ...]] = {"mysql": ("mysql",), "mariadb": ("mariadb-11.8",), "redis": ()}

_NAMES: dict[Kind, tuple[str, ...]] = {
    "mysql": ("mysqld",),
    "mariadb": ("mariadbd", "mysqld"),
    "redis": ("redis-server", "valkey-server"),
}
# Where packages put servers although an ordinary user's PATH does not list it.
_MORE_PATH = ("/usr/sbin", "/usr/local/sbin", "/usr/local/mysql/bin", "/opt/homebrew/opt/mysql/bin")


@dataclass(frozen=True)
class Binary:
    """A server program that runs on this machine.

    Attributes:
        path: The program.
        version: What it calls itself, for example `10.11.14`.
        command: How to run it: the program, or a dynamic loader in front of it.
        options: Options it needs wherever it runs (its own message and plugin folders).
        environment: Variables to add to the environment.
        base: The folder above its `bin` and `share`, where that is not where it was compiled for.
    """

    path: Path
    version: str
    command: tuple[str, ...]
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    base: Path | None = None


def servers_dir() -> Path:
    """Where prepared servers and template data live: `ZDRELEASE_SERVERS_DIR`, else in the user's cache."""
    if chosen := os.environ.get(DIR_VARIABLE):
        return Path(chosen).expanduser().resolve()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "zdrelease" / "servers"


def find(kind: Kind, version: str | None = None) -> Binary:
    """The binary that would serve `kind`: a tree made by `scripts/prepare_servers` or the one on PATH.

    Args:
        kind: Which server.
        version: Its version or the beginning of it, `11.8` for example; whichever comes first when not given.

    Raises:
        ServerUnavailableError: There is none; the reason lists where we looked and what was found instead.
    """
    tried: list[str] = []
    sources: list[Callable[[], Iterator[Binary]]] = [lambda: _in_trees(kind, tried), lambda: _on_path(kind, tried)]
    if kind != "mysql":
        sources.reverse()
    for source in sources:
        for binary in source():
            if version is None or f"{binary.version}.".startswith(f"{version}."):
                return binary
            tried.append(f"{binary.path} is {binary.version}")
    wanted = f"of version {version}: " if version else ""
    raise ServerUnavailableError(kind, wanted + "; ".join(tried) + " (run scripts/prepare_servers)")


def find_tool(name: str) -> Path | None:
    """A helper program such as `mariadb-install-db`, or None."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *_MORE_PATH])
    found = shutil.which(name, path=search)
    return Path(found) if found else None


def mariadb_installer(binary: Binary, folder: Path) -> list[str]:
    """The beginning of the command that initialises a data folder of this MariaDB.

    Its script starts programs beside it, which in a tree need the tree's loader: such a tree gets a stand-in of itself
    in `folder` (created), whose server is started by the loader and whose option files are none.

    Raises:
        ServerUnavailableError: The script is not installed.
    """
    name = "mariadb-install-db"
    if binary.base is None:
        tool = find_tool(name)
        if tool is None:
            raise ServerUnavailableError("mariadb", f"there is no {name} beside it: install the whole server package")
        return [str(tool)]
    programs = {"bin/my_print_defaults": "exit 0", "sbin/mariadbd": f'exec {shlex.join(binary.command)} "$@"'}
    for path, line in programs.items():
        program = folder / path
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)
    (folder / "share").symlink_to(binary.base / "share")
    return [str(binary.base / "bin" / name), f"--basedir={folder}", "--force"]


def _in_trees(kind: Kind, tried: list[str]) -> Iterator[Binary]:
    for name in TREES[kind]:
        tree = servers_dir() / name
        if any((tree / f"usr/sbin/{program}").exists() for program in _NAMES[kind]):
            yield _in_tree(kind, tree)
        else:
            tried.append(f"{tree} is not prepared")


def _on_path(kind: Kind, tried: list[str]) -> Iterator[Binary]:
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *_MORE_PATH])
    for name in _NAMES[kind]:
        found = shutil.which(name, path=search)
        if found is None:
            tried.append(f"no {name} on PATH")
            continue
        said = _version_text((found,), {})
        version = _is_of_kind(kind, said)
        if version:
            yield Binary(Path(found), version, (found,))
        else:
            tried.append(f"{found} is {said.splitlines()[0] if said else 'not runnable'}")


def _in_tree(kind: Kind, tree: Path) -> Binary:
    """A server from an unpacked system tree, run by the tree's own loader: no chroot and nothing mounted."""
    path = next(tree / f"usr/sbin/{name}" for name in _NAMES[kind] if (tree / f"usr/sbin/{name}").exists())
    loaders = sorted(tree.glob("usr/lib*/ld-linux-*.so.*"))
    libraries = sorted(tree.glob("usr/lib/*-linux-gnu*"))
    if not loaders or not libraries:
        raise ServerUnavailableError(kind, f"{tree} has no dynamic loader; remove it and run scripts/prepare_servers")
    command = (str(loaders[0]), "--library-path", os.pathsep.join(map(str, libraries)), str(path))
    share = tree / "usr/share" / kind
    environment = {
        "OPENSSL_CONF": str(tree / "etc/ssl/openssl.cnf"),
        "OPENSSL_MODULES": str(libraries[0] / "ossl-modules"),
    }
    version = _is_of_kind(kind, _version_text(command, environment))
    if not version:
        raise ServerUnavailableError(kind, f"{path} does not run; remove {tree} and run scripts/prepare_servers")
    options = (
        f"--basedir={tree / 'usr'}",
        f"--plugin-dir={tree / 'usr/lib/mysql/plugin'}",
        f"--lc-messages-dir={share}",
        f"--character-sets-dir={share / 'charsets'}",
    )
    return Binary(path, version, command, options, environment, tree / "usr")


def _version_text(command: tuple[str, ...], environment: dict[str, str]) -> str:
    try:
        done = subprocess.run(
            [*command, "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={**os.environ, **environment},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _is_of_kind(kind: Kind, said: str) -> str | None:
    """The version in a `--version` line, or None when the program is something else (or MySQL before 8.0)."""
    match = re.search(r"(?:Ver |v=)(\d+)(\.\d+)*", said)
    if match is None:
        return None
    if kind != "redis" and ("MariaDB" in said) != (kind == "mariadb"):
        return None
    if kind == "mysql" and int(match[1]) < 8:
        return None
    return match[0].removeprefix("Ver ").removeprefix("v=")
