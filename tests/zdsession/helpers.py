"""What the session tests share: a clock to turn, a store to break, a browser to click with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

from zdsession.errors import StoreUnavailableError
from zdsession.record import Change, Found, Record, Saved
from zdsession.stores import Store

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


class Clock:
    """A clock that goes when it is told to. ``wait`` is called with the seconds, for servers with a clock."""

    def __init__(self, now: int = 1_800_000_000_000, wait: Callable[[float], None] = lambda seconds: None) -> None:
        self.now = now
        self._wait = wait

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * 1000)
        self._wait(seconds)


class Relay:
    """A store whose operations all go through `_call`, which a subclass gives."""

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def load(self, record_id: str) -> Record | None:
        record: Record | None = self._call("load", record_id)
        return record

    def create(self, record_id: str, record: Record) -> bool:
        return bool(self._call("create", record_id, record))

    def save(self, record_id: str, base: Record, change: Change) -> Saved:
        saved: Saved = self._call("save", record_id, base, change)
        return saved

    def touch(self, record_id: str, seen: int, expires: int) -> None:
        self._call("touch", record_id, seen, expires)

    def destroy(self, record_id: str) -> bool:
        return bool(self._call("destroy", record_id))

    def sessions_of(self, user: str) -> list[Found]:
        return list(self._call("sessions_of", user))

    def revoke_user(self, user: str, *, keep: str | None = None) -> int:
        return int(self._call("revoke_user", user, keep=keep))

    def sweep(self, limit: int = 1000) -> int:
        return int(self._call("sweep", limit))


class Spy(Relay):
    """A store that counts its calls, and can be out."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.calls: list[str] = []
        self.out = False

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self.calls.append(name)
        if self.out:
            raise StoreUnavailableError("spy: out", retry_after=7)
        return getattr(self.store, name)(*args, **kwargs)

    def taken(self) -> list[str]:
        """The calls since last asked."""
        calls, self.calls = self.calls, []
        return calls

    def close(self) -> None:
        self.store.close()


@dataclass
class Answer:
    """What a browser saw of one response."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for header, value in self.headers if header.lower() == name.lower()]

    def one(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) <= 1, f"{name} sent {len(values)} times: {values}"
        return values[0] if values else None


@dataclass
class Browser:
    """Keeps cookies, as far as sessions need it. Every request passes ``wsgiref.validate``."""

    app: WSGIApplication
    cookies: dict[str, str] = field(default_factory=dict)
    #: Read at most so many chunks, then close: a client that went away.
    patience: int | None = None

    def get(self, path: str = "/", cookie: str | None = None) -> Answer:
        """The response; ``cookie`` replaces the Cookie header."""
        sent: list[tuple[str, list[tuple[str, str]]]] = []
        header = "; ".join(f"{k}={v}" for k, v in self.cookies.items()) if cookie is None else cookie

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], Any]:
            sent.append((status, headers))
            return written.append

        written: list[bytes] = []
        chunks = validator(self.app)(_environ(path, header), start_response)
        try:
            body = b"".join(_some(chunks, self.patience))
        finally:
            chunks.close()  # type: ignore[attr-defined]
        status, headers = sent[-1]
        answer = Answer(status, list(headers), b"".join(written) + body)
        for value in answer.all("Set-Cookie"):
            self._keep(value)
        return answer

    def _keep(self, set_cookie: str) -> None:
        pair, *attributes = set_cookie.split("; ")
        name, _, value = pair.partition("=")
        if "Max-Age=0" in attributes:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value


def _some(chunks: Iterable[bytes], patience: int | None) -> Iterator[bytes]:
    for count, chunk in enumerate(chunks, 1):
        yield chunk
        if count == patience:
            return


def _environ(path: str, cookie: str) -> dict[str, Any]:
    from io import BytesIO, StringIO

    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "shop.example",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": BytesIO(),
        "wsgi.errors": StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if cookie:
        environ["HTTP_COOKIE"] = cookie
    return environ
