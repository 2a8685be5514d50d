"""Settings of zdmigrate: command line over environment over alembic.ini / pyproject.toml, in one frozen object."""

from __future__ import annotations

import configparser
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from zdmigrate.errors import UsageError

_LISTS = ("imports", "deployed", "version_locations")
_FLAGS = ("stub_imports",)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is told.

    Attributes:
        config: the alembic.ini (or pyproject.toml) the history is described in, or None when locations are given.
        script_location, version_locations: where the revisions are, overriding `config`.
        target: flavour text, e.g. "mysql:8.4"; None means the server's with a URL, else the default.
        url: database to read (never written by plan and check); may hold ${VAR} references.
        schema: a `mysqldump --no-data` file with the schema at the starting revision.
        metadata: `pkg.module:Base.metadata`, for manifests and the naming convention of constraints.
        imports: modules to import first (operation plugins).
        stub_imports: replace modules that cannot be found by inert stand-ins.
        deployed: manifest files, or git:REF, of what is deployed.
        fleet: URL of the session store that holds the fleet; may hold ${VAR} references.
        expect_nodes: how many nodes the fleet has at least, or None.
        least_age: seconds for which the fleet's registry must have been kept, or None for its own default.
        baseline: file of accepted findings.
        fail_on: "unsafe" or "conditional".
        version_table: the app's Alembic version table.
        revision_timeout: seconds one revision may take to replay.
        manifest: where `zdmigrate manifest` writes, and where `--deployed git:REF` looks in that commit.
    """

    config: Path | None = None
    script_location: str | None = None
    version_locations: tuple[str, ...] = ()
    target: str | None = None
    url: str | None = None
    schema: Path | None = None
    metadata: str | None = None
    imports: tuple[str, ...] = ()
    stub_imports: bool = False
    deployed: tuple[str, ...] = ()
    fleet: str | None = None
    expect_nodes: int | None = None
    least_age: float | None = None
    baseline: Path | None = None
    fail_on: str = "unsafe"
    version_table: str = "alembic_version"
    revision_timeout: float = 20.0
    manifest: Path = Path("zdmigrate-manifest.json")

    def override(self, **values: Any) -> Settings:
        """These settings with every value that is given (not None, not empty) replaced."""
        return replace(self, **{name: value for name, value in values.items() if value not in (None, (), "")})


def find_config(given: Path | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The configuration file as Alembic finds it: -c, then $ALEMBIC_CONFIG, then ./alembic.ini, then ./pyproject.toml
    when it has a [tool.alembic] table.

    Raises:
        UsageError: when a file that was named does not exist.
    """
    named = given or (Path(environ["ALEMBIC_CONFIG"]) if environ.get("ALEMBIC_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise UsageError(f"there is no configuration file {named}; pass the app's alembic.ini with -c")
        return named
    default = Path("alembic.ini")
    if default.is_file():
        return default
    pyproject = Path("pyproject.toml")
    if pyproject.is_file() and "alembic" in _toml(pyproject).get("tool", {}):
        return pyproject
    return None


def load_settings(config: Path | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from `[zdmigrate]` of alembic.ini, or `[tool.zdmigrate]` of pyproject.toml beside it, and ZDMIGRATE_*.

    Raises:
        UsageError: for a file that cannot be parsed, an unknown key, or a value of the wrong kind.
    """
    values: dict[str, Any] = {}
    origin = ""
    for path in _candidates(config):
        section = _section(path)
        if section is not None:
            values, origin = dict(section), str(path)
            break
    known = {item.name for item in fields(Settings)} - {"config"}
    for name in values:
        if name not in known:
            raise UsageError(f"{origin}: unknown zdmigrate setting {name!r}; known are {', '.join(sorted(known))}")
    for name in known:
        variable = f"ZDMIGRATE_{name.upper()}"
        if environ.get(variable):
            values[name] = environ[variable]
            origin = f"${variable}"
    settings = Settings(config=config)
    converted = {name: _convert(name, value, origin) for name, value in values.items()}
    return replace(settings, **converted)


def expand_variables(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """`${NAME}` references replaced from the environment.

    In the user and password of a URL the value is taken as it is: what would end them there is escaped.

    Raises:
        UsageError: naming a variable that is not set.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in environ:
            raise UsageError(f"the environment variable {name}, which the URL refers to, is not set")
        inside = "://" in text[: match.start()] and "@" in text[match.end() :]
        return quote(environ[name], safe="") if inside else environ[name]

    return re.sub(r"\$\{(\w+)\}", value, text)


def _candidates(config: Path | None) -> list[Path]:
    folder = config.parent if config is not None else Path()
    found = [config] if config is not None else []
    pyproject = folder / "pyproject.toml"
    if pyproject not in found and pyproject.is_file():
        found.append(pyproject)
    return found


def _section(path: Path) -> Mapping[str, Any] | None:
    if path.suffix == ".toml":
        section = _toml(path).get("tool", {}).get("zdmigrate")
        return section if isinstance(section, dict) else None
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except (configparser.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    return dict(parser["zdmigrate"]) if parser.has_section("zdmigrate") else None


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def _convert(name: str, value: Any, origin: str) -> Any:
    if name in _LISTS:
        if isinstance(value, str):
            return tuple(part for part in re.split(r"[\s,]+", value.strip()) if part)
        if not isinstance(value, list):
            raise UsageError(f"{origin}: {name} = {value!r} is not a list")
        return tuple(str(part) for part in value)
    if name in _FLAGS:
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("1", "true", "yes", "on", "0", "false", "no", "off"):
            return str(value).lower() in ("1", "true", "yes", "on")
        raise UsageError(f"{origin}: {name} = {value!r} is neither true nor false")
    if name == "revision_timeout":
        seconds = _number(value)
        if not 0 < seconds < math.inf:
            raise UsageError(f"{origin}: {name} = {value!r} is not a number of seconds above 0")
        return seconds
    if name == "least_age":
        seconds = _number(value)
        if not 0 <= seconds < math.inf:
            raise UsageError(f"{origin}: {name} = {value!r} is not a number of seconds")
        return seconds
    if name == "expect_nodes":
        if not re.fullmatch(r"[1-9]\d{0,5}", str(value)):
            raise UsageError(f"{origin}: {name} = {value!r} is not a number of nodes above 0")
        return int(value)
    if name in ("schema", "baseline", "manifest"):
        return Path(str(value))
    if name == "fail_on" and value not in ("unsafe", "conditional"):
        raise UsageError(f"{origin}: fail_on = {value!r}; write unsafe or conditional")
    return str(value)


def _number(value: Any) -> float:
    """The number that a setting holds; -1 for none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return -1.0
