"""Response headers of a page that depends on the session."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

log = logging.getLogger("zdsession")

Header = tuple[str, str]


def with_session(headers: Iterable[Header], *, touched: bool, cookies: Sequence[str] = ()) -> list[Header]:
    """``headers`` and what the session adds.

    A touched session adds ``Vary: Cookie``, and ``Cache-Control: private, no-cache`` unless the app says something of
    its own. A cookie makes it ``no-store`` whatever the app says: a cache that kept it would hand out the session.
    """
    result = list(headers)
    names = [name.lower() for name, _ in result]
    if touched and not ("vary" in names and _varies(result)):
        result.append(("Vary", "Cookie"))
    if cookies:
        kept = [value for name, value in result if name.lower() == "cache-control"]
        if any("public" in value or "s-maxage" in value for value in kept):
            log.warning("Cache-Control %r became no-store: the response sets the session cookie", ", ".join(kept))
        result = [header for header in result if header[0].lower() != "cache-control"]
        result += [("Cache-Control", "no-store"), *(("Set-Cookie", cookie) for cookie in cookies)]
    elif touched and "cache-control" not in names:
        result.append(("Cache-Control", "private, no-cache"))
    return result


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


def _varies(headers: list[Header]) -> bool:
    """Whether they say already that the response depends on the cookie."""
    for name, value in headers:
        if name.lower() == "vary":
            said = [part.strip().lower() for part in value.split(",")]
            if "cookie" in said or "*" in said:
                return True
    return False
