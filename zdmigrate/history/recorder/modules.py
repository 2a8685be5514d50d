"""Loading a revision file as a module, as Alembic does: never under its own name in `sys.modules`."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
from pathlib import Path
from types import CodeType, ModuleType


def load_module(path: Path, code: CodeType | None = None) -> ModuleType:
    """Execute a file as a fresh module; `code` saves compiling it again."""
    module = new_module(path)
    exec(code or compile_file(path), module.__dict__)  # noqa: S102  # running revisions is what a replay is
    return module


def new_module(path: Path) -> ModuleType:
    """A module for that file, not executed yet."""
    name = re.sub(r"\W", "_", path.name)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise ImportError(f"{path} is no Python file")
    return importlib.util.module_from_spec(spec)


def compile_file(path: Path) -> CodeType:
    """The file's code, from its cached bytecode when that is fresh; nothing is written."""
    loader = importlib.machinery.SourceFileLoader(re.sub(r"\W", "_", path.name), str(path))
    code = loader.get_code(loader.name)
    if code is None:
        raise ImportError(f"{path} has no code")
    return code
