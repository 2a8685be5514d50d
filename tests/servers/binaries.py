"""Finding server binaries on this machine. Standard library only."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.base import Kind, ServerUnavailableError

DIR_VARIABLE = "ZDRELEASE_SERVERS_DIR"
MYSQL_TREE = "mysql"

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
    """

    path: Path
    version: str
    command: tuple[str, ...]
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def servers_dir() -> Path:
    """Where prepared servers and template data live: `ZDRELEASE_SERVERS_DIR`, else in the user's cache."""
    if chosen := os.environ.get(DIR_VARIABLE):
        return Path(chosen).expanduser().resolve()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "zdrelease" / "servers"


def find(kind: Kind) -> Binary:
    """The binary that would serve `kind`: the tree made by `scripts/prepare_servers`, else the one on PATH.

    Raises:
        ServerUnavailableError: There is none; the reason lists where we looked and what was found instead.
    """
    tried: list[str] = []
    if kind == "mysql":
        tree = servers_dir() / MYSQL_TREE
        if (tree / "usr/sbin/mysqld").exists():
            return _in_tree(tree)
        tried.append(f"{tree} is not prepared")
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *_MORE_PATH])
    for name in _NAMES[kind]:
        found = shutil.which(name, path=search)
        if found is None:
            tried.append(f"no {name} on PATH")
            continue
        said = _version_text((found,), {})
        wanted = _is_of_kind(kind, said)
        if wanted:
            return Binary(Path(found), wanted, (found,))
        tried.append(f"{found} is {said.splitlines()[0] if said else 'not runnable'}")
    raise ServerUnavailableError(kind, "; ".join(tried) + " (run scripts/prepare_servers)")


def find_tool(name: str) -> Path | None:
    """A helper program such as `mariadb-install-db`, or None."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *_MORE_PATH])
    found = shutil.which(name, path=search)
    return Path(found) if found else None


def _in_tree(tree: Path) -> Binary:
    """MySQL from an unpacked system tree, run by the tree's own loader: no chroot and nothing mounted."""
    path = tree / "usr/sbin/mysqld"
    loaders = sorted(tree.glob("usr/lib*/ld-linux-*.so.*"))
    libraries = sorted(tree.glob("usr/lib/*-linux-gnu*"))
    if not loaders or not libraries:
        raise ServerUnavailableError(
            "mysql", f"{tree} has no dynamic loader; remove it and run scripts/prepare_servers"
        )
    command = (str(loaders[0]), "--library-path", os.pathsep.join(map(str, libraries)), str(path))
    share = tree / "usr/share/mysql"
    environment = {
        "OPENSSL_CONF": str(tree / "etc/ssl/openssl.cnf"),
        "OPENSSL_MODULES": str(libraries[0] / "ossl-modules"),
    }
    version = _is_of_kind("mysql", _version_text(command, environment))
    if not version:
        raise ServerUnavailableError("mysql", f"{path} does not run; remove {tree} and run scripts/prepare_servers")
    options = (
        f"--basedir={tree / 'usr'}",
        f"--plugin-dir={tree / 'usr/lib/mysql/plugin'}",
        f"--lc-messages-dir={share}",
        f"--character-sets-dir={share / 'charsets'}",
    )
    return Binary(path, version, command, options, environment)


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
