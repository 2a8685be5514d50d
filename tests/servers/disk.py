"""A small file system of a server's own, so that its disk can be filled without filling ours."""

import errno
import os
import subprocess
from pathlib import Path

from tests.servers import guard
from tests.servers.base import Kind, ServerError, ServerUnavailableError

_MIB = 1024 * 1024
_PAGE = 4096
_FILLER = "filler"


class SmallDisk:
    """A tmpfs of fixed size, mounted on a folder: what is written beyond it fails with ENOSPC, as on a full disk.

    The guard unmounts it when we die.

    Args:
        folder: Does not exist yet; the mount point.
        size: Bytes.
        kind: The server that it is for, to say so when it cannot be had.

    Raises:
        ServerUnavailableError: We may not mount here.
    """

    def __init__(self, folder: Path, size: int, kind: Kind) -> None:
        self.folder = folder
        self.size = size
        if os.geteuid() != 0:
            raise ServerUnavailableError(kind, "a small disk is a tmpfs, and to mount one takes root")
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700,nosuid,nodev", "zdrelease", str(folder)]
        try:
            done = subprocess.run(mount, capture_output=True, text=True, check=False, timeout=30)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ServerUnavailableError(kind, f"its small disk cannot be mounted: {error}") from None
        if done.returncode != 0:
            said = " ".join(done.stderr.split())
            raise ServerUnavailableError(kind, f"its small disk cannot be mounted (code {done.returncode}): {said}")

    @property
    def free(self) -> int:
        """Bytes that are left."""
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Take all that is free but `leave` bytes (to the page). What is freed later is not taken."""
        with (self.folder / _FILLER).open("ab", buffering=0) as filler:
            for step in (_MIB, _PAGE):
                while self.free - leave >= step:
                    try:
                        filler.write(bytes(step))
                    except OSError as error:  # the server was quicker to take it
                        if error.errno != errno.ENOSPC:
                            raise
                        break

    def release(self) -> None:
        """Give back what `fill` took; nothing taken is fine."""
        (self.folder / _FILLER).unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it; its content is gone. Once more is fine."""
        guard.unmount(self.folder)


def require(disk: SmallDisk | None, server: object) -> SmallDisk:
    """The disk, or a clear error for a server that was opened without one."""
    if disk is None:
        raise ServerError(f"{server} has no disk of its own to fill: open it with disk=BYTES ({300 * _MIB} will do)")
    return disk
