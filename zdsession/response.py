"""What becomes of a response: the headers its session needs, or the 503 that takes its place. No WSGI, no ASGI."""

from __future__ import annotations

from collections.abc import Iterable

from zdsession.errors import StoreUnavailableError
from zdsession.headers import Header, refusal, with_session
from zdsession.session import Session


class SessionResponse:
    """One response, with its session saved before it begins, and again at its end.

    Everything here may ask the store, so it may take as long as the store's budget.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        #: Body of the 503 that took the place of the app's response.
        self.refused: bytes | None = None

    def begin(self, status: str, headers: Iterable[Header], *, last: bool = False) -> tuple[str, list[Header]]:
        """Save, and the status and headers to send: the app's with those of the session, or those of a refusal.

        Args:
            last: nothing of the app's runs after this, so it is saved for the last time.
        """
        session = self.session
        try:
            session.save()
        except StoreUnavailableError as error:
            return self.refuse(error)
        if session.outage is not None and status.startswith("500") and not session.headers_sent:
            return self.refuse(session.outage)  # the framework made a page of its own of the error we raised
        session.headers_sent = True
        session.finished = session.finished or last
        if session.touched:
            return status, with_session(headers, session.cookies())
        return status, list(headers)

    def refuse(self, error: StoreUnavailableError) -> tuple[str, list[Header]]:
        """Status and headers of the 503; its body is ``refused``. Raises ``error`` if the response has begun."""
        if self.session.headers_sent:
            raise error
        status, headers, self.refused = refusal(error.retry_after)
        self.session.headers_sent = True
        return status, headers

    def save(self) -> None:
        """Save what changed since the response began."""
        if self.refused is None:
            self.session.save()

    def finish(self) -> None:
        """The same, for the last time."""
        if self.refused is None:
            self.session.finish()
