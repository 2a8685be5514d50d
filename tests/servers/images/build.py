"""Images of the servers: the official ones where a registry can be reached, else built from Debian's packages.

A built image is a system tree that `scripts/prepare_servers` made by debootstrap, with an entrypoint of this folder
that behaves as the official image's. Its tag carries a digest of the recipe, so that a changed entrypoint is a new
image; official ones are used by their official names.
"""

import fcntl
import hashlib
import subprocess
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound

from tests.servers.base import Kind, ServerUnavailableError
from tests.servers.binaries import servers_dir
from tests.servers.engine import Engine, EngineError

REPOSITORY = "zdrelease"
PULL_SILENCE_SECONDS = 60  # without a word from the engine


@dataclass(frozen=True)
class Recipe:
    """How an image of one series of a server is had.

    Attributes:
        kind: The server.
        series: Its version as a tag says it, `9.7` for example.
        tree: The prepared system tree it can be built from; none when only the official image will do.
        script: The entrypoint in this folder.
        port: The port that the server listens on in its container.
    """

    kind: Kind
    series: str
    tree: str | None
    script: str
    port: int

    @property
    def official(self) -> str:
        """The name of the official image."""
        return f"{self.kind}:{self.series}"

    @property
    def built(self) -> str:
        """The name of the image that we build."""
        digest = hashlib.sha256("\0".join([*self.changes, self._script_path.read_text()]).encode()).hexdigest()
        return f"{REPOSITORY}/{self.kind}:{self.series}-{digest[:12]}"

    @property
    def changes(self) -> list[str]:
        """What is said about a built image in the words of a Dockerfile."""
        data = "/data" if self.kind == "redis" else "/var/lib/mysql"
        return ['ENTRYPOINT ["/entrypoint.sh"]', "CMD []", f"EXPOSE {self.port}", f"VOLUME {data}"]

    @property
    def _script_path(self) -> Path:
        return Path(__file__).parent / self.script


# The first of a kind is what tests get that name no version.
RECIPES = (
    Recipe("mysql", "9.7", "mysql", "sql.sh", 3306),
    Recipe("mysql", "8.4", None, "sql.sh", 3306),
    Recipe("mysql", "8.0", None, "sql.sh", 3306),
    Recipe("mariadb", "10.11", "bookworm", "sql.sh", 3306),
    Recipe("mariadb", "11.8", "mariadb-11.8", "sql.sh", 3306),
    Recipe("redis", "7", "bookworm", "redis.sh", 6379),
)


def recipe_of(kind: Kind, version: str | None = None) -> Recipe:
    """The recipe for a version (`9.7`, `9.7.4`, or `9`), or the first of the kind.

    Raises:
        ServerUnavailableError: There is none.
    """
    for recipe in RECIPES:
        if recipe.kind != kind:
            continue
        if version is None or f"{version}.".startswith(f"{recipe.series}.") or recipe.series.startswith(f"{version}."):
            return recipe
    known = ", ".join(recipe.series for recipe in RECIPES if recipe.kind == kind)
    raise ServerUnavailableError(kind, f"of version {version}: containers have {known}")


def local_image(engine: Engine, recipe: Recipe) -> str | None:
    """The name of the image that the engine has already; the official one is preferred."""
    for name in (recipe.official, recipe.built):
        try:
            engine.client.images.get(name)
        except ImageNotFound:
            continue
        return name
    return None


def get_image(engine: Engine, recipe: Recipe) -> str:
    """The name of an image that the engine has, after building or pulling it where it did not.

    A private engine builds first, which takes seconds where the tree is prepared; the machine's own pulls first.

    Raises:
        EngineError: Neither was possible; one line says why of each.
    """
    if name := local_image(engine, recipe):
        return name
    ways = [_build, _pull] if engine.private else [_pull, _build]
    reasons: list[str] = []
    for way in ways:
        try:
            return way(engine, recipe)
        except EngineError as error:
            reasons.append(str(error))
    raise EngineError(f"{engine} has no image of {recipe.kind} {recipe.series}: {'; '.join(reasons)}", expected=True)


def _pull(engine: Engine, recipe: Recipe) -> str:
    patient = docker.DockerClient(base_url=engine.address, timeout=PULL_SILENCE_SECONDS)
    with closing(patient):
        try:
            patient.images.pull(recipe.official)
        except (DockerException, requests.RequestException) as error:
            why = error.explanation if isinstance(error, APIError) else error
            raise EngineError(f"{recipe.official} cannot be pulled ({why})", expected=True) from error
    return recipe.official


def _build(engine: Engine, recipe: Recipe) -> str:
    if recipe.tree is None:
        raise EngineError("Debian has no package of it to build one from", expected=False)
    tree = servers_dir() / recipe.tree
    if not tree.is_dir():
        raise EngineError(f"{tree} is not prepared to build one from (run scripts/prepare_servers)", expected=True)
    with (servers_dir() / ".images.lock").open("w") as door, tempfile.TemporaryDirectory() as beside:
        fcntl.flock(door, fcntl.LOCK_EX)
        if name := local_image(engine, recipe):
            return name
        copyfile(Path(__file__).parent / recipe.script, Path(beside) / "entrypoint.sh")
        (Path(beside) / "entrypoint.sh").chmod(0o755)
        _import(engine, recipe, tree, Path(beside))
        _remove_older(engine, recipe)
    return recipe.built


def _import(engine: Engine, recipe: Recipe, tree: Path, beside: Path) -> None:
    repository, tag = recipe.built.split(":")
    packer = subprocess.Popen(
        ["tar", "--create", "--one-file-system", f"--directory={tree}", ".", f"--directory={beside}", "entrypoint.sh"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with packer:
        assert packer.stdout is not None
        assert packer.stderr is not None
        try:
            answer = engine.client.api.import_image_from_stream(packer.stdout, repository, tag, changes=recipe.changes)
        except (DockerException, requests.RequestException) as error:
            packer.kill()
            raise EngineError(f"the engine did not import {recipe.tree}: {error}", expected=True) from error
        said = packer.stderr.read().decode(errors="replace").strip()
    if packer.returncode != 0:
        with suppress(ImageNotFound):
            engine.client.images.remove(recipe.built)
        raise EngineError(f"tar of {tree} failed: {said.splitlines()[-1] if said else 'no message'}", expected=True)
    if local_image(engine, recipe) is None:  # what goes wrong half way is said in the answer, under a good status
        raise EngineError(f"the engine did not import {recipe.tree}: {' '.join(str(answer).split())}", expected=True)


def _remove_older(engine: Engine, recipe: Recipe) -> None:
    """Forget images of earlier recipes; one that a container uses stays."""
    for image in engine.client.images.list(f"{REPOSITORY}/{recipe.kind}"):
        for name in image.tags:
            if name.startswith(f"{REPOSITORY}/{recipe.kind}:{recipe.series}-") and name != recipe.built:
                try:
                    engine.client.images.remove(name)
                except APIError:
                    continue
