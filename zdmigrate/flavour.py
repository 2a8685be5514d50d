"""A flavour: MySQL or MariaDB with a version, as `--target mysql:9.7` names it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from zdmigrate.errors import UsageError

Vendor = Literal["mysql", "mariadb"]


@dataclass(frozen=True, slots=True, order=True)
class Flavour:
    """A server family and its version.

    Attributes:
        vendor: "mysql" or "mariadb".
        version: numbers of the release, most significant first; missing parts count as the newest
            minor of that series where a table asks (`mysql:8.0` is read as the latest 8.0).
    """

    vendor: Vendor
    version: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Flavour:
        """Read `mysql:9.7`, `mariadb:10.11`, `mysql:8.0.28`.

        Raises:
            UsageError: when the text is not of that form.
        """
        match = re.fullmatch(r"(mysql|mariadb):(\d+(?:\.\d+){0,2})", text.strip().lower())
        if match is None:
            raise UsageError(
                f"--target {text!r} is not a flavour: write mysql:VERSION or mariadb:VERSION, "
                "for example mysql:8.4 or mariadb:10.11"
            )
        vendor: Vendor = "mysql" if match[1] == "mysql" else "mariadb"
        return cls(vendor, tuple(int(part) for part in match[2].split(".")))

    @property
    def is_mariadb(self) -> bool:
        """True for MariaDB."""
        return self.vendor == "mariadb"

    def at_least(self, *version: int) -> bool:
        """True when this server is `version` or newer; parts we were not told count as the newest."""
        padded = self.version + (999,) * (len(version) - len(self.version))
        return padded[: len(version)] >= version

    def __str__(self) -> str:
        return f"{self.vendor}:{'.'.join(map(str, self.version))}"


#: What `plan` assumes when neither `--target` nor `--url` says otherwise.
DEFAULT_TARGET = Flavour("mysql", (8, 4))
