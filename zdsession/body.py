"""A response body that saves the session when it ends, and when it is closed before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

Chunk = TypeVar("Chunk")


class SavingBody(Generic[Chunk]):
    """``body``, with ``save`` called after its last chunk, so before the client can know that it was the last.

    ``finish`` is called on close, after the body's own ``close``, which may be where the app makes its last change.
    """

    def __init__(self, body: Iterable[Chunk], save: Callable[[], None], finish: Callable[[], None]) -> None:
        self._body = body
        self._chunks: Iterator[Chunk] = iter(body)
        self._save = save
        self._finish = finish

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        try:
            return next(self._chunks)
        except StopIteration:
            self._save()
            raise

    def close(self) -> None:
        """Part of WSGI: the server calls it at the end, whether or not it read everything."""
        try:
            close_body(self._body)
        finally:
            self._finish()


def close_body(body: object) -> None:
    """Call the body's ``close``, if it has one."""
    close = getattr(body, "close", None)
    if close is not None:
        close()
