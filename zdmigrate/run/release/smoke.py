"""Smoke tests: requests to a node's own address before it gets traffic."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from urllib.parse import urlsplit

from zdmigrate.run.release.spec import NodeSpec, SmokeTest

_BODY = 4 << 20
_SHOWN = 200


def smoke(node: NodeSpec, test: SmokeTest) -> str:
    """Why the test failed; "" when it passed. Redirects are not followed: they are an answer with a status."""
    parts = urlsplit(node.address)
    kind: Callable[..., http.client.HTTPConnection] = (
        http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    )
    connection = kind(parts.hostname, parts.port, timeout=test.timeout)
    try:
        connection.request("GET", test.path, headers={"User-Agent": "zdmigrate release", **test.headers})
        answer = connection.getresponse()
        body = answer.read(_BODY).decode(errors="replace")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"GET {node.address}{test.path}: {str(error) or type(error).__name__}"
    finally:
        connection.close()
    if answer.status != test.status:
        first = body.strip().splitlines()[0][:_SHOWN] if body.strip() else "nothing"
        where = f" to {answer.getheader('Location')}" if answer.getheader("Location") else ""
        return f"GET {node.address}{test.path}: {answer.status}{where}, not {test.status}; it said: {first}"
    if test.contains not in body:
        return f"GET {node.address}{test.path}: {answer.status}, but without {test.contains!r}"
    return ""
