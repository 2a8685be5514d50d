"""The manifest: what one version of an app maps, and which Alembic head it was written for.

Nodes publish it (the fleet), `zdmigrate manifest` writes it to a file, and `zdmigrate plan --deployed` reads it: it is
what turns "old code might use this" into "old code cannot use this, and here is where it says so".
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

#: Version of the file format; readers refuse a newer one.
FORMAT = 1


class ManifestError(Exception):
    """A manifest file that cannot be read; `str()` names the file, what is wrong, and what to do."""


class MappedColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """One mapped column.

    Attributes:
        type: the type as MySQL's DDL would write it, e.g. `VARCHAR(50)`, `ENUM('a','b')`.
        nullable: whether the code may write NULL.
        server_default: the DEFAULT the mapping relies on (SQL text), or None.
        client_default: True when the code itself always supplies a value (a Python-side default).
        members: values an Enum or SET accepts when decoding, empty for other types.
        primary_key, autoincrement: as mapped.
        generated: True for Computed columns, which the code never writes.
    """

    type: str
    nullable: bool = True
    server_default: str | None = None
    client_default: bool = False
    members: tuple[str, ...] = ()
    primary_key: bool = False
    autoincrement: bool = False
    generated: bool = False


class MappedTable(msgspec.Struct, frozen=True):
    """One mapped table: its columns by name."""

    columns: dict[str, MappedColumn]


class Manifest(msgspec.Struct, frozen=True):
    """What one app version maps.

    Attributes:
        version: the app's version, as its release calls it.
        heads: Alembic heads the code was written for.
        tables: mapped tables by name (`schema.table` for another schema).
        format: version of the file format.
    """

    version: str
    heads: tuple[str, ...]
    tables: dict[str, MappedTable]
    format: int = FORMAT

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical encoding, hexadecimal: equal manifests have equal digests."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()

    def to_json(self) -> bytes:
        """The file's content: JSON with sorted keys, indented, ending in a newline."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=2) + b"\n"

    @classmethod
    def from_json(cls, data: bytes, *, origin: str) -> Manifest:
        """Read a manifest; `origin` names it in errors.

        Raises:
            ManifestError: when the bytes are no manifest, or one of a newer format.
        """
        try:
            manifest = msgspec.json.decode(data, type=cls)
        except msgspec.DecodeError as error:
            raise ManifestError(f"{origin} is not a manifest ({error}); write one with `zdmigrate manifest`") from error
        if manifest.format > FORMAT:
            raise ManifestError(
                f"{origin} has manifest format {manifest.format}, this zdrelease reads "
                f"up to {FORMAT}: upgrade zdrelease"
            )
        return manifest

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest file.

        Raises:
            ManifestError: when it cannot be read or is no manifest.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ManifestError(f"cannot read manifest {path}: {error.strerror}") from error
        return cls.from_json(data, origin=str(path))
