"""What `upgrade()` is called with: env.py may pass arguments, and env.py is not run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import MetaData, Table
from sqlalchemy.exc import NoSuchTableError

from zdmigrate.history.recorder.standin import StandIn
from zdmigrate.history.recorder.stubs import Notebook


class Tables(Mapping[str, Table]):
    """The app's tables by name, as attributes or items: from its MetaData, else reflected from the catalog."""

    def __init__(self, metadata: MetaData | None, bind: Any) -> None:
        self._metadata = metadata if metadata is not None else MetaData()
        self._bind = bind

    def __getitem__(self, name: str) -> Table:
        table = self._metadata.tables.get(name)
        if table is None:
            table = Table(name, MetaData(), autoload_with=self._bind)
        return table

    def __getattr__(self, name: str) -> Table:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except NoSuchTableError as error:
            raise AttributeError(f"there is no table {name}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._metadata.tables)

    def __len__(self) -> int:
        return len(self._metadata.tables)


class Inert:
    """A helper of the app's own tests (`tester`): does nothing, is false, and so is all it gives."""

    def __getattr__(self, name: str) -> Inert:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: object, **kwargs: object) -> Inert:
        return self

    def __bool__(self) -> bool:
        return False

    def __iter__(self) -> Iterator[object]:
        return iter(())


def arguments_for(
    function: Callable[..., Any], known: Mapping[str, Callable[[], Any]], book: Notebook
) -> dict[str, Any]:
    """Keyword arguments by the names in the signature; unknown ones are stand-ins whose use is noted in `book`."""
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name in known:
            found[name] = known[name]()
        elif parameter.default is parameter.empty:
            found[name] = StandIn(f"argument.{name}", book)
    return found
