"""What servers this machine has, by provider: the table that `make servers` prints. Standard library at import."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.servers.base import KINDS, Kind, ServerError, ServerUnavailableError
from tests.servers.binaries import find, find_tool

# Asked for beside the default of each kind.
MORE_PROCESSES: tuple[tuple[Kind, str], ...] = (("mariadb", "11.8"),)
TOOLS = ("redis-cli", "haproxy", "nginx", "apache2")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: A kind of server, or a tool.
        version: Its version, or the one that is missing.
        provider: `process` or `container`.
        found: Where it is: a path or an image; none when it is missing.
        note: How it came there, or why it is missing and what to do about it.
        optional: Whether the default run of the tests goes without it.
    """

    name: str
    version: str
    provider: str
    found: str | None
    note: str
    optional: bool = False

    @property
    def missing(self) -> bool:
        """Whether tests that run by default would want it and not get it from this provider."""
        return self.found is None and not self.optional


def processes() -> Iterator[Row]:
    """The servers and tools on this machine."""
    asked: list[tuple[Kind, str | None]] = [*((kind, None) for kind in KINDS), *MORE_PROCESSES]
    for kind, version in asked:
        try:
            binary = find(kind, version)
        except ServerUnavailableError as error:
            yield Row(kind, version or "-", "process", None, error.reason)
            continue
        how = "tree of prepare_servers" if binary.base is not None else "on PATH"
        yield Row(kind, binary.version, "process", str(binary.path), how)
    for name in TOOLS:
        path = find_tool(name)
        yield Row(name, "", "process", str(path) if path else None, "on PATH" if path else "not on PATH")


def containers(*, prepare: bool) -> Iterator[Row]:
    """The engine of this machine and the images on it; the private one is started to know.

    Args:
        prepare: Build or pull those that tests ask for by default, instead of only looking.
    """
    try:
        from tests.servers.engine import any_engine
        from tests.servers.images.build import RECIPES, get_image, local_image
    except ModuleNotFoundError as error:
        yield Row("docker", "", "container", None, f"the Python package {error.name} is not installed")
        return
    try:
        engine = any_engine()
    except ServerError as error:
        yield Row("docker", "", "container", None, str(error))
        return
    yield Row("docker", engine.version, "container", engine.address, "private" if engine.private else "answers")
    for recipe in RECIPES:
        try:
            by_default = recipe.tree is not None
            image = get_image(engine, recipe) if prepare and by_default else local_image(engine, recipe)
        except ServerError as error:
            yield Row(recipe.kind, recipe.series, "container", None, str(error))
            continue
        how = "official" if image == recipe.official else "built from Debian packages"
        why = "built on first use" if by_default else "pulled on first use, where a registry answers"
        yield Row(recipe.kind, recipe.series, "container", image, how if image else why, not by_default)


def table(rows: list[Row]) -> str:
    """The rows as text in columns."""
    cells = [("server", "version", "provider", "", "")]
    cells += [
        (row.name, row.version, row.provider, row.found or ("MISSING" if row.missing else "-"), row.note)
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    return "\n".join(
        "  ".join([*(text.ljust(width) for text, width in zip(line, widths, strict=False)), line[4]]).rstrip()
        for line in cells
    )


def lacking(rows: list[Row]) -> bool:
    """Whether some kind is had from no provider, or the engine lacks an image that it should have."""
    kinds = {row.name for row in rows if row.found}
    return any(kind not in kinds for kind in KINDS) or any(row.missing for row in rows if row.provider == "container")
