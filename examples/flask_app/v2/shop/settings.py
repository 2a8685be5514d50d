"""What the shop is told by its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Attributes:
    databases: URLs of all MySQL or MariaDB nodes. Which of them is the primary, the engine finds out.
    sessions: URL of the session store, which is also where the fleet is kept.
    proxies: addresses of load balancers whose word on scheme, host and client counts.
    health_token: shows the details of the health page; None shows them to nobody.
    """

    databases: tuple[str, ...]
    sessions: str
    proxies: tuple[str, ...] = ("127.0.0.1",)
    health_token: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Raises: KeyError: one that is needed is not set."""
        return cls(
            databases=tuple(environment["SHOP_DATABASES"].split()),
            sessions=environment["ZDSESSION_STORE"],
            proxies=tuple(environment.get("SHOP_PROXIES", "127.0.0.1").split()),
            health_token=environment.get("SHOP_HEALTH_TOKEN"),
        )
