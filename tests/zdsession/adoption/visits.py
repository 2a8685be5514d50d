"""What the adoption tests share: an app of ours that adopts, visited with an old cookie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from zdsession import Session, SessionManager
from zdsession.adoption import Adoption, Reader
from zdsession.events import subscribe
from zdsession.stores import Store
from zdsession.stores.memory import MemoryStore

SECRET = b"a secret of at least 32 bytes, which this is"


@dataclass
class Visitor:
    """A browser's cookies, without the HTTP around them."""

    sessions: SessionManager
    cookies: dict[str, str] = field(default_factory=dict)
    #: Set-Cookie values of the last visit.
    sent: list[str] = field(default_factory=list)

    def visit(self, act: Callable[[Session], object] = dict) -> Any:
        """One request: what ``act`` returns for its session."""
        session = self.begin()
        result = act(session)
        self.end(session)
        return result

    def begin(self) -> Session:
        return self.sessions.open("; ".join(f"{name}={value}" for name, value in self.cookies.items()) or None)

    def end(self, session: Session) -> None:
        """Save, and take the cookies as a browser does."""
        session.save()
        self.sent = session.cookies()
        for set_cookie in self.sent:
            pair, *attributes = set_cookie.split("; ")
            name, _, value = pair.partition("=")
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


def adopting(
    reader: Reader, store: Store | None = None, *, options: Mapping[str, Any] | None = None, **adoption: Any
) -> SessionManager:
    """A manager that adopts what ``reader`` finds."""
    return SessionManager(
        MemoryStore() if store is None else store,
        adopt=Adoption(reader, **{"secret": SECRET, **adoption}),
        **(options or {}),
    )


@contextmanager
def events() -> Iterator[list[tuple[str, Mapping[str, object]]]]:
    """What happens meanwhile, as (event, fields)."""
    seen: list[tuple[str, Mapping[str, object]]] = []
    end = subscribe(lambda event, record, fields: seen.append((event, fields)))
    try:
        yield seen
    finally:
        end()
