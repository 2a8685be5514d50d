"""The stand-in itself: a value of a module nobody has. It does nothing, anywhere, and says so."""

from __future__ import annotations

import re
from abc import ABCMeta
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, Protocol

#: Text made from a stand-in begins with this.
MARK = "zdstandin_"

_EXCEPTION = re.compile(r"(Error|Exception|Warning|NotFound|Exit)$")
_LOG = {"debug", "info", "warn", "warning", "error", "exception", "critical", "log", "getLogger", "get_logger"}
#: Dunder names that a mapped class of the app would have.
_MAPPED = {"__tablename__", "__table__", "__mapper__", "__table_args__"}


class Book(Protocol):
    """Where uses are noted."""

    decorated: dict[Any, str]
    texts: dict[str, str]

    def note(self, name: str, use: str) -> None:
        """A stand-in was used."""


def module_attribute(module: str, name: str, book: Book) -> Any:
    """What `module.name` is: a stand-in, or an exception class where the name says that it is one."""
    if name.startswith("__") and name not in _MAPPED:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    if _EXCEPTION.search(name):
        return type(name, (Exception,), {"__module__": module})
    return StandIn(f"{module}.{name}", book)


class _Meta(ABCMeta):
    """Metaclass of classes derived from a stand-in: unknown class attributes are stand-ins too."""

    def __getattr__(cls, name: str) -> Any:
        return _of_class(cls, name)


class _Base:
    """What a class derived from a stand-in inherits; the metaclass stays plain where another is in use."""

    _zd_name = ""
    _zd_book: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __init_subclass__(cls, **kwargs: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return _of_class(type(self), name)


def _of_class(cls: Any, name: str) -> Any:
    if name.startswith("__") and name not in _MAPPED:
        raise AttributeError(name)
    return getattr(StandIn(cls._zd_name, cls._zd_book), name)


class StandIn:
    """Any attribute, call, item, operator gives another stand-in; it is empty, false and equal to itself only."""

    FILE = __file__

    def __init__(self, name: str, book: Book) -> None:
        self.__dict__["_zd_name"] = name
        self.__dict__["_zd_book"] = book
        self.__dict__["__name__"] = self.__dict__["__qualname__"] = name.rpartition(".")[2]
        self.__dict__["__module__"] = name.rpartition(".")[0]

    def _zd_note(self, use: str) -> None:
        self.__dict__["_zd_book"].note(self.__dict__["_zd_name"], use)

    def _zd_next(self, suffix: str) -> StandIn:
        name: str = self.__dict__["_zd_name"]
        return StandIn(name if len(name) > 200 else name + suffix, self.__dict__["_zd_book"])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in _MAPPED:
            raise AttributeError(name)
        if name == "_compiler_dispatch":
            # A column type: the column exists, its type is anybody's guess, and the comment marks the statement.
            return lambda *args, **kwargs: f"VARCHAR(191) /* {self} */"
        return module_attribute(self.__dict__["_zd_name"], name, self.__dict__["_zd_book"])

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[name] = value

    def __delattr__(self, name: str) -> None:
        self.__dict__.pop(name, None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        decorates = len(args) == 1 and not kwargs
        if decorates and isinstance(args[0], FunctionType):
            self.__dict__["_zd_book"].decorated[args[0].__code__] = self.__dict__["_zd_name"]
            return args[0]
        if decorates and isinstance(args[0], (type, staticmethod, classmethod, property)):
            return args[0]
        name: str = self.__dict__["_zd_name"]
        if not (name.rpartition(".")[2] in _LOG and "log" in name.lower()):
            self._zd_note("calls")
        return self._zd_next("()")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        name, book = self.__dict__["_zd_name"], self.__dict__["_zd_book"]
        plain = any(isinstance(base, type) and type(base) not in (type, ABCMeta, _Meta) for base in bases)
        body = {"_zd_name": name, "_zd_book": book, "__module__": self.__dict__["__module__"]}
        short = re.sub(r"\W", "_", self.__dict__["__name__"]) or "Base"
        return (type(short, (_Base,), body),) if plain else (_Meta(short, (_Base,), body),)

    def __repr__(self) -> str:
        text = MARK + re.sub(r"\W+", "_", self.__dict__["_zd_name"]).strip("_")
        self.__dict__["_zd_book"].texts[text] = self.__dict__["_zd_name"]
        return text

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __fspath__(self) -> str:
        return repr(self)

    def __hash__(self) -> int:
        return id(self)

    def __bool__(self) -> bool:
        self._zd_note("asks for the truth of")
        return False

    def __len__(self) -> int:
        self._zd_note("asks for the length of")
        return 0

    def __iter__(self) -> Iterator[Any]:
        self._zd_note("loops over")
        return iter(())

    def __next__(self) -> Any:
        self._zd_note("loops over")
        raise StopIteration

    def __contains__(self, item: object) -> bool:
        self._zd_note("looks into")
        return False

    def __eq__(self, other: object) -> bool:
        if self is not other:
            self._zd_note("compares")
        return self is other

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __instancecheck__(self, instance: object) -> bool:
        self._zd_note("checks against the class")
        return False

    def __subclasscheck__(self, subclass: type) -> bool:
        self._zd_note("checks against the class")
        return False

    def __int__(self) -> int:
        self._zd_note("takes a number from")
        return 1

    __index__ = __int__

    def __float__(self) -> float:
        return float(int(self))

    def __getitem__(self, key: object) -> StandIn:
        return self._zd_next("[]")

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def __delitem__(self, key: object) -> None:
        pass

    def __enter__(self) -> StandIn:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    async def __aenter__(self) -> StandIn:
        return self

    async def __aexit__(self, *error: object) -> None:
        return None

    def __await__(self) -> Iterator[Any]:
        self._zd_note("awaits")
        return iter(())

    def __copy__(self) -> StandIn:
        return self

    def __deepcopy__(self, memo: object) -> StandIn:
        return self


def _ordering(use: str) -> Callable[[StandIn, object], bool]:
    def compare(self: StandIn, other: object) -> bool:
        self._zd_note(use)
        return False

    return compare


def _operator(symbol: str) -> Callable[..., Any]:
    def operate(self: StandIn, *others: object) -> Any:
        if symbol == "+" and others and isinstance(others[0], str):
            return repr(self) + others[0]
        return self._zd_next("")

    return operate


def _reflected_add(self: StandIn, other: object) -> Any:
    return other + repr(self) if isinstance(other, str) else self._zd_next("")


for _name in ("__lt__", "__le__", "__gt__", "__ge__"):
    setattr(StandIn, _name, _ordering("compares"))
for _name in (
    *("__sub__", "__mul__", "__truediv__", "__floordiv__", "__mod__", "__pow__", "__and__", "__or__", "__xor__"),
    *("__rsub__", "__rmul__", "__rtruediv__", "__rfloordiv__", "__rmod__", "__rpow__", "__rand__", "__ror__"),
    *("__rxor__", "__lshift__", "__rshift__", "__matmul__", "__neg__", "__pos__", "__invert__", "__abs__"),
):
    setattr(StandIn, _name, _operator(_name))
for _name, _method in (("__add__", _operator("+")), ("__radd__", _reflected_add)):
    setattr(StandIn, _name, _method)
