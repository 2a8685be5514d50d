"""Secrets that what commands and nodes print might repeat, hidden from what is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from zdmigrate.config import expand_variables
from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.release.phases import database_servers
from zdmigrate.run.release.spec import ReleaseSpec

_MASK = "***"
#: A shorter one would be found in the middle of ordinary words.
_SHORTEST = 4
_PASSWORD = re.compile(r"://[^@/|]*?:([^@|]*)@")
_SECRET_NAME = re.compile(r"auth|cookie|token|secret|key|password", re.IGNORECASE)


class Hiding:
    """Hides these texts.

    Args:
        secrets: those shorter than four characters are left.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = sorted({text for text in secrets if len(text) >= _SHORTEST}, key=len, reverse=True)

    @classmethod
    def of(cls, spec: ReleaseSpec) -> Hiding:
        """Passwords of a release's store and servers, and what its smoke tests send to prove who they are."""
        return cls(tuple(_secrets(spec)))

    def hidden(self, text: str) -> str:
        """The text without them."""
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return text


def _secrets(spec: ReleaseSpec) -> Iterator[str]:
    for url in (spec.fleet, spec.database or ""):
        with suppress(ZdmigrateError):
            yield from _in_url(expand_variables(url))
    for test in spec.smoke:
        yield from (value for name, value in test.headers.items() if _SECRET_NAME.search(name))
    with suppress(ZdmigrateError):
        topology = database_servers(spec)
        if topology is None:
            return
        yield topology.account.password
        for node in topology.nodes:
            yield str(node.url.password or "")
        yield from _in_options(topology.traffic.options)


def _in_options(options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        if isinstance(value, str):
            with suppress(ZdmigrateError):
                expanded = expand_variables(value)
                yield from _in_url(expanded)
                if _SECRET_NAME.search(name):
                    yield expanded


def _in_url(url: str) -> Iterator[str]:
    """Passwords as they stand in a URL, and as they are meant."""
    for password in _PASSWORD.findall(url):
        yield password
        yield unquote(password)
