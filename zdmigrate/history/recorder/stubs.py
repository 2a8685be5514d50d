"""`--stub-imports`: modules that cannot be found become inert stand-ins, and what they touch is noted, not guessed.

A finder placed last answers for modules nobody else has; one placed first lets an app module that fails half-way
keep what it had defined by then. An import inside `try ... except ImportError` is left alone: the code has its own
way out. Uses of a stand-in that decide something (truth, comparison, iteration, a call that might send SQL) are
written into a `Notebook` while a revision runs; text made from one carries `MARK`.
"""

from __future__ import annotations

import ast
import dis
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import re
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

from zdmigrate.history.recorder.standin import MARK as MARK
from zdmigrate.history.recorder.standin import StandIn, module_attribute

#: Never replaced: what a replay itself is made of.
_OURS = {"alembic", "mako", "pymysql", "sqlalchemy", "sqlglot", "zdmigrate", "zdsession"}
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


@dataclass(frozen=True, slots=True)
class Note:
    """One use of a stand-in that decided something: its dotted name, what was done with it, and where."""

    name: str
    use: str
    line: int

    def __str__(self) -> str:
        return f"{self.use} {self.name}"


@dataclass
class Notebook:
    """What a replay learns about stand-ins.

    Attributes:
        watching: the revision file being run, or None while nothing is to be noted.
        calling: True while upgrade() runs, False while the file is only being loaded.
        notes: uses since the last `watch`.
        decorated: code of functions a stand-in has "decorated", which the real one may change, and its name.
        texts: the text a stand-in was turned into, and its name.
        broken: app modules that failed half-way, with the error.
        tainted: top-level packages of the app in which a module, while it was loaded, decided something on a stand-in:
            whatever it defines may differ from the real one.
    """

    watching: str | None = None
    calling: bool = False
    notes: list[Note] = field(default_factory=list)
    decorated: dict[CodeType, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    served: set[str] = field(default_factory=set)
    importers: set[str] = field(default_factory=set)
    tainted: dict[str, Note] = field(default_factory=dict)

    def watch(self, path: str, *, calling: bool) -> None:
        """Note uses from now on, for the revision in that file."""
        self.watching, self.calling = path, calling

    def take(self) -> list[Note]:
        """The notes so far; the notebook is empty afterwards and watches nothing."""
        notes, self.notes, self.watching = self.notes, [], None
        return notes

    def inherited(self, code: CodeType) -> list[Note]:
        """What a revision takes over from packages that were loaded on a guess, by its import statements."""
        if not self.tainted:
            return []
        return [
            Note(package, f"imports a package that was loaded on a guess ({note}):", note_line)
            for package, note_line in imported_packages(code).items()
            if (note := self.tainted.get(package)) is not None
        ]

    @property
    def decided(self) -> bool:
        """Whether a stand-in has decided what the revision does, and not only been written into a statement."""
        return any(note.use != "sends" for note in self.notes)

    def note_text(self, name: str, line: int) -> None:
        """A statement carries a stand-in."""
        self.notes.append(Note(name, "sends", line))

    def note(self, name: str, use: str) -> None:
        """A stand-in was used; the frame tells whether that matters."""
        frame: FrameType | None = sys._getframe(2)
        if use == "calls" and not (self.watching is not None and self.calling):
            return
        nearest = True
        while frame is not None:
            filename = frame.f_code.co_filename
            if filename == self.watching:
                if nearest or self.calling:
                    self.notes.append(Note(name, use, frame.f_lineno))
                return
            if filename.startswith("<frozen importlib"):
                return
            if frame.f_code.co_name == "<module>" and not filename.startswith(_INSTALLED):
                package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
                if use != "calls":
                    self.tainted.setdefault(package, Note(name, use, frame.f_lineno))
                return
            nearest = nearest and filename == StandIn.FILE
            frame = frame.f_back


def imported_packages(code: CodeType) -> dict[str, int]:
    """Top-level packages that the code imports, functions inside it included, and the line of the first import."""
    found: dict[str, int] = {}
    line = code.co_firstlineno
    for step in dis.get_instructions(code):
        line = step.starts_line or line
        if step.opname == "IMPORT_NAME":
            found.setdefault(str(step.argval).partition(".")[0], int(line))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            for package, inner in imported_packages(constant).items():
                found.setdefault(package, inner)
    return found


@contextmanager
def stand_ins(*, enabled: bool = True) -> Iterator[Notebook | None]:
    """Missing modules are stand-ins inside the block; afterwards every trace of them is gone from `sys.modules`."""
    if not enabled:
        yield None
        return
    book = Notebook()
    before = dict(sys.modules)
    last, first = _Missing(book), _Lenient(book)
    sys.meta_path.append(last)
    sys.meta_path.insert(0, first)
    importlib.invalidate_caches()
    try:
        yield book
    finally:
        sys.meta_path.remove(last)
        sys.meta_path.remove(first)
        for name in [*book.served, *book.importers]:
            if name not in before:
                sys.modules.pop(name, None)


class _StandInModule(ModuleType):
    """A module nobody has."""

    _zd_book: Notebook

    def __getattr__(self, name: str) -> Any:
        return module_attribute(self.__name__, name, self.__dict__["_zd_book"])


class _Missing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Placed last: whatever is asked for here does not exist."""

    def __init__(self, book: Notebook) -> None:
        self.book = book

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        top, _, rest = fullname.partition(".")
        parent = sys.modules.get(fullname.rpartition(".")[0]) if rest else None
        if not isinstance(parent, _StandInModule):
            if top in _OURS or top in sys.stdlib_module_names or top == "zdmigrate":
                return None
            importer = _importer()
            if importer is not None and importer.f_code.co_filename != self.book.watching and _has_way_out(importer):
                return None
            if importer is not None:
                self.book.importers.add(importer.f_globals.get("__name__", ""))
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = _StandInModule(spec.name)
        module._zd_book = self.book
        return module

    def exec_module(self, module: ModuleType) -> None:
        self.book.served.add(module.__name__)
        module.__all__ = []  # type: ignore[attr-defined]
        module.__version__ = "999.0.0"  # type: ignore[attr-defined]  # "is it new enough?" is asked at import time


class _Lenient(importlib.abc.MetaPathFinder):
    """Placed first: an app module (a source file outside site-packages) that raises keeps what it has so far."""

    def __init__(self, book: Notebook) -> None:
        self.book = book
        self.busy: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        top = fullname.partition(".")[0]
        if top in _OURS or top in sys.stdlib_module_names:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or type(spec.loader) is not importlib.machinery.SourceFileLoader or not spec.origin:
            return None
        if spec.origin.startswith(_INSTALLED):
            return None
        importer = _importer()
        if importer is not None and _has_way_out(importer):
            return None
        spec.loader = _LenientLoader(fullname, spec.origin, self.book)
        return spec


class _LenientLoader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, book: Notebook) -> None:
        super().__init__(name, path)
        self.book = book

    def exec_module(self, module: ModuleType) -> None:
        name, book = module.__name__, self.book
        book.importers.add(name)
        try:
            super().exec_module(module)
        except (Exception, SystemExit) as error:
            book.broken[name] = f"{type(error).__name__}: {error}"
            module.__getattr__ = lambda attribute: module_attribute(name, attribute, book)  # type: ignore[method-assign]


def _importer() -> FrameType | None:
    """The frame whose import statement got us here."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        filename = frame.f_code.co_filename
        if not filename.startswith("<frozen importlib") and filename != __file__ and "importlib" not in filename:
            return frame
        frame = frame.f_back
    return None


def _has_way_out(frame: FrameType) -> bool:
    """True when the line the frame is at sits in a `try` that catches a failed import."""
    line = frame.f_lineno
    return any(first <= line <= last for first, last in _guarded_lines(frame.f_code.co_filename))


@lru_cache(maxsize=4096)
def _guarded_lines(filename: str) -> tuple[tuple[int, int], ...]:
    try:
        text = Path(filename).read_text(encoding="utf-8")
        if not re.search(r"except[\s(:]", text):
            return ()
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        linecache.checkcache(filename)
        return ()
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any(_catches_import(handler) for handler in node.handlers):
            found.append((node.body[0].lineno, node.body[-1].end_lineno or node.body[-1].lineno))
    return tuple(found)


def _catches_import(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    wanted = ("ImportError", "ModuleNotFoundError", "Exception", "BaseException")
    return any(isinstance(kind, ast.Name) and kind.id in wanted for kind in kinds)
