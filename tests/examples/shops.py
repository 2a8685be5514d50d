"""The two versions of the example shop, as apps in processes of their own or in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples" / "flask_app"
VERSIONS = ("v1", "v2")


def environment(version: str, **more: str) -> dict[str, str]:
    """In which a command of this version runs."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(SHOP / version), str(ROOT)]), **more}


def run(version: str, *command: str, env: Mapping[str, str], code: int = 0) -> str:
    """Run a Python module in the checkout of a version; its output."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=SHOP / version, env=environment(version, **env), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
