"""The fleet's WSGI middleware: answers health checks, counts requests, and turns visitors away politely."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from zdsession.body import close_body
from zdsession.fleet.member import FleetMember
from zdsession.headers import Header
from zdsession.health import HealthPages

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_PAGE = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>One moment, please</title>
<p>We are being updated. Please try again in a few seconds.</p></html>
"""


class FleetMiddleware:
    """Put it around everything else, so that it counts all and its answer leaves as it is.

    Args:
        app: the app, its sessions included.
        fleet: this process.
        prefix: of the paths of the health pages; see :class:`zdsession.health.HealthPages`.
        token: shows the details there.
        deferral_page: HTML for visitors without a session while a node drains with ``--new-sessions defer``.
    """

    def __init__(
        self,
        app: WSGIApplication,
        fleet: FleetMember,
        *,
        prefix: str = "/-/",
        token: str | None = None,
        deferral_page: bytes = _PAGE,
    ) -> None:
        self.app = app
        self.fleet = fleet
        self.health = HealthPages(fleet, prefix=prefix, token=token)
        self._page = deferral_page

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.health.owns(environ.get("PATH_INFO", "")):
            return self.health(environ, start_response)
        fleet = self.fleet
        fleet.start()
        draining = fleet.sessions.draining
        if draining:
            start_response = _closing(environ, start_response)
        leave = _Once(fleet.load.leave)
        fleet.load.enter()
        try:
            retry_after = draining.defer_new
            if retry_after is not None and not self._has_session(environ):
                body = self._defer(environ, start_response, retry_after)
            else:
                body = self.app(environ, start_response)
            return _counted(body, leave, environ)
        except BaseException:
            leave()
            raise

    def _has_session(self, environ: WSGIEnvironment) -> bool:
        """Whether the visitor seems to have a session: of ours, or one that may be adopted. Asks no store."""
        cookies = environ.get("HTTP_COOKIE", "")
        sessions = self.fleet.sessions
        if sessions.adoption is not None:
            return bool(cookies)
        return any(part.strip().startswith(f"{sessions.cookie.name}=") for part in cookies.split(";"))

    def _defer(self, environ: WSGIEnvironment, start_response: StartResponse, retry_after: int) -> Iterable[bytes]:
        headers: list[Header] = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(self._page))),
            ("Retry-After", str(retry_after)),
            ("Cache-Control", "no-store"),
        ]
        start_response("503 Service Unavailable", headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else self._page]


def _closing(environ: WSGIEnvironment, start_response: StartResponse) -> StartResponse:
    """Have the server close the connection after this response, as far as it lets an app say so.

    WSGI forbids apps the Connection header. gunicorn has a method for it; Werkzeug's server and uWSGI send the header.
    Others, such as waitress, refuse it: their connections end with the process, or when they were idle long enough.
    """
    force = getattr(getattr(start_response, "__self__", None), "force_close", None)
    if force is not None:
        force()
        return start_response
    if "uwsgi.version" not in environ and not environ.get("SERVER_SOFTWARE", "").startswith("Werkzeug"):
        return start_response

    def start(status: str, headers: list[Header], *exc_info: Any) -> Callable[[bytes], object]:
        return start_response(status, [*headers, ("Connection", "close")], *exc_info)

    return start


class _Once:
    """Calls something once, whoever asks first. A request belongs to one thread at a time."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def __call__(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()


def _counted(body: Iterable[bytes], leave: Callable[[], None], environ: WSGIEnvironment) -> Iterable[bytes]:
    """``body`` with ``leave`` called when the server closes it, after it was sent."""
    wrapper = environ.get("wsgi.file_wrapper")
    if isinstance(wrapper, type) and isinstance(body, wrapper):
        return _counted_file(body, leave)
    if isinstance(body, (list, tuple)):
        return _CountedList(body, leave)
    return _CountedBody(body, leave)


def _counted_file(body: Any, leave: Callable[[], None]) -> Iterable[bytes]:
    """The server sends this kind of body by itself only when it is given the very object."""
    close = getattr(body, "close", None)

    def close_both() -> None:
        try:
            if close is not None:
                close()
        finally:
            leave()

    try:
        body.close = close_both
    except AttributeError:
        leave()
    counted: Iterable[bytes] = body
    return counted


class _CountedList(list[bytes]):
    """Still a list: servers compute the length of a response from it."""

    def __init__(self, body: Iterable[bytes], leave: Callable[[], None]) -> None:
        super().__init__(body)
        self._body = body
        self._leave = leave

    def close(self) -> None:
        try:
            close_body(self._body)
        finally:
            self._leave()


class _CountedBody:
    def __init__(self, body: Iterable[bytes], leave: Callable[[], None]) -> None:
        self._body = body
        self._chunks = iter(body)
        self._leave = leave

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        try:
            close_body(self._body)
        finally:
            self._leave()
