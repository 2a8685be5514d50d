"""Response headers of a page that depends on the session."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

log = logging.getLogger("zdsession")

Header = tuple[str, str]


def with_session(headers: Iterable[Header], cookies: Sequence[str] = ()) -> list[Header]:
    """``headers`` of a page that touched its session, with what that adds, see :func:`additions`."""
    result = list(headers)
    added = additions(result, cookies)
    if cookies:
        result = [header for header in result if header[0].lower() != "cache-control"]
    return result + added


def additions(headers: Iterable[Header], cookies: Sequence[str] = ()) -> list[Header]:
    """What a touched session adds to a response's headers.

    ``Vary: Cookie``, and ``Cache-Control: private, no-cache`` unless the app says something of its own. A cookie makes
    it ``no-store`` whatever the app says, and the app's own has to go: a cache that kept it would hand out the session.
    """
    varies, said = False, []
    for name, value in headers:
        lower = name.lower()
        if lower == "cache-control":
            said.append(value)
        elif lower == "vary":
            varies = varies or _names_cookie(value)
    added = [] if varies else [("Vary", "Cookie")]
    if cookies:
        if any("public" in value or "s-maxage" in value for value in said):
            log.warning("Cache-Control %r became no-store: the response sets the session cookie", ", ".join(said))
        added += [("Cache-Control", "no-store"), *(("Set-Cookie", cookie) for cookie in cookies)]
    elif not said:
        added.append(("Cache-Control", "private, no-cache"))
    return added


def refusal(retry_after: int) -> tuple[str, list[Header], bytes]:
    """Status, headers and body of the answer while the store is out. ``retry_after`` in seconds."""
    body = b"The service is temporarily unavailable. Please try again in a moment.\n"
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Retry-After", str(retry_after)),
        ("Cache-Control", "no-store"),
    ]
    return "503 Service Unavailable", headers, body


def _names_cookie(vary: str) -> bool:
    """Whether a Vary header says already that the response depends on the cookie."""
    said = [part.strip().lower() for part in vary.split(",")]
    return "cookie" in said or "*" in said
