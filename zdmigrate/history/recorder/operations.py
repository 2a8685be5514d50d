"""Alembic's operations while they are watched: which directive sends a statement, and from which line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

from alembic.operations import BatchOperations, Operations
from alembic.operations.base import AbstractOperations
from alembic.operations.batch import BatchOperationsImpl

from zdmigrate.history.server import Origin, Server


@contextmanager
def watched_operations(server: Server) -> Iterator[None]:
    """Tell the server which `op.` directive is being carried out, as long as the block runs."""
    invoke, flush = AbstractOperations.invoke, BatchOperationsImpl.flush

    def watched_invoke(self: Any, operation: Any) -> Any:
        if server.source is not None:
            return invoke(self, operation)
        server.source = f"op.{_directive(sys._getframe(1).f_code.co_name, operation)}"
        try:
            if not isinstance(self.impl, BatchOperationsImpl):
                return invoke(self, operation)
            # A batch sends its statements when it ends: remember where each was asked for.
            origin = server.locate()
            result = invoke(self, operation)
            origins: list[Origin] = self.impl.__dict__.setdefault("_zd_origins", [])
            origins.extend([origin] * (len(self.impl.batch) - len(origins)))
            return result
        finally:
            server.source = None

    def watched_flush(self: Any) -> None:
        recreate = self._should_recreate()
        if recreate:
            server.recreated.append((self.table_name, server.locate().line))
        origins = self.__dict__.pop("_zd_origins", [])
        for (directive, arguments, options), origin in zip_longest(self.batch, origins[: len(self.batch)]):
            if recreate:
                options = {key: value for key, value in options.items() if not key.startswith("insert_")}
            server.origin = origin
            try:
                getattr(self.operations.impl, directive)(*arguments, **options)
            finally:
                server.origin = None

    AbstractOperations.invoke = watched_invoke  # type: ignore[method-assign]
    BatchOperationsImpl.flush = watched_flush  # type: ignore[method-assign]
    try:
        yield
    finally:
        AbstractOperations.invoke = invoke  # type: ignore[method-assign]
        BatchOperationsImpl.flush = flush  # type: ignore[method-assign]


def _directive(caller: str, operation: Any) -> str:
    """The name a revision calls: of the method that invoked, else made from the operation's class."""
    if hasattr(Operations, caller) or hasattr(BatchOperations, caller):
        return caller.removeprefix("batch_") if caller != "batch_alter_table" else caller
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(operation).__name__).lower()
    return words.removesuffix("_op")
