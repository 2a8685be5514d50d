"""Initialised data folders, made once and copied: initialising takes seconds, copying a fraction of one."""

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.servers.binaries import servers_dir


def template(name: str, recipe: tuple[str, ...], build: Callable[[Path], None]) -> Path:
    """The template folder for `name` and `recipe`; `build` fills it when it does not exist yet.

    Parallel runs wait for the one that builds. An interrupted build leaves nothing that would be used.

    Args:
        name: Kind and version, for example `mysql-9.7.4`.
        recipe: Whatever the content depends on; another recipe is another template.
        build: Fills the folder it is given, which does not exist yet.
    """
    digest = hashlib.sha256("\0".join(recipe).encode()).hexdigest()[:12]
    folder = servers_dir() / "templates"
    ready = folder / f"{name}-{digest}"
    if ready.is_dir():
        return ready
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        if ready.is_dir():
            return ready
        for left_over in folder.glob("building-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="building-", dir=folder) as place:
            data = Path(place) / "data"
            build(data)
            data.rename(ready)
    return ready
