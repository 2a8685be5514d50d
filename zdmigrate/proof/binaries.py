"""Server programs on this machine: finding one of a flavour, and the tool that lays out its data."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from zdmigrate.flavour import Flavour, Vendor

_NAMES: dict[Vendor, tuple[str, ...]] = {"mysql": ("mysqld",), "mariadb": ("mariadbd", "mysqld")}
#: Where packages put servers although the PATH of an ordinary user does not list it.
MORE_PATH = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/usr/local/mysql/bin", "/opt/homebrew/opt/mysql/bin")
#: Seconds a program may take to say its version.
_ASK_SECONDS = 30


class UnusableError(Exception):
    """A program that is no server of that kind, or nothing found; the message says what was looked at."""


@dataclass(frozen=True, slots=True)
class Binary:
    """A server program that runs on this machine, and what it says it is."""

    path: Path
    flavour: Flavour


def find(vendor: Vendor) -> Binary:
    """The first server of that family on PATH and where packages put them.

    Raises:
        UnusableError: when there is none, with everything looked at.
    """
    tried = []
    for name in _NAMES[vendor]:
        found = shutil.which(name, path=_search())
        if found is None:
            tried.append(f"there is no {name} on PATH")
            continue
        try:
            binary = inspect(Path(found))
        except UnusableError as error:
            tried.append(str(error))
            continue
        if binary.flavour.vendor == vendor:
            return binary
        tried.append(f"{found} is {binary.flavour}")
    raise UnusableError(", ".join(tried))


def inspect(path: Path) -> Binary:
    """Ask a program which server it is.

    Raises:
        UnusableError: when it cannot be run, or is no MySQL or MariaDB server.
    """
    absolute = path.expanduser().absolute()
    try:
        done = subprocess.run(  # noqa: S603 - the program the user named, or found on their PATH
            [str(absolute), "--version"], capture_output=True, text=True, timeout=_ASK_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = error.strerror if isinstance(error, OSError) else f"no answer within {_ASK_SECONDS} s"
        raise UnusableError(f"{path} cannot be run ({why})") from error
    match = re.match(r"\S*(?:mysqld|mariadbd)\S*\s+Ver (\d+(?:\.\d+)+)", done.stdout.strip())
    if done.returncode != 0 or match is None:
        raise UnusableError(f"{path} is neither a MySQL nor a MariaDB server")
    vendor: Vendor = "mariadb" if "mariadb" in done.stdout.lower() else "mysql"
    return Binary(absolute, Flavour(vendor, tuple(int(part) for part in match[1].split("."))))


def installer(binary: Binary) -> list[str]:
    """The beginning of the command that lays out the data folder of a MariaDB.

    Raises:
        UnusableError: when the tool is not installed.
    """
    prefix = binary.path.resolve().parent.parent
    for name in ("mariadb-install-db", "mysql_install_db"):
        for folder in ("bin", "scripts"):
            tool = prefix / folder / name
            if os.access(tool, os.X_OK):
                # A package knows where its parts are; an unpacked archive must be told.
                return [str(tool)] if prefix == Path("/usr") else [str(tool), f"--basedir={prefix}"]
        found = shutil.which(name, path=_search())
        if found is not None:
            return [found]
    raise UnusableError(f"{binary.path} comes without mariadb-install-db; install the whole server package")


def _search() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *MORE_PATH])
