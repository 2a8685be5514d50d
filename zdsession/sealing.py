"""What surrounds an encoded value in the store: format version, compression, encryption, size limit.

Layout of a sealed value, format 1::

    0x01  flags  [len(key id)  key id  nonce(12)]  payload
          1 = zlib, 2 = AES-256-GCM

Encryption binds a value to its place: the associated data is the header, the record and the top-level key, so
bytes copied to another key or another user's session do not open. Each record has a key of its own, derived
from the configured one, so random nonces never come near their bound however many sessions there are.
"""

from __future__ import annotations

import hmac
import os
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from zdsession.errors import ConfigurationError, TooLargeError, UnreadableError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT = 1
_ZLIB, _AESGCM = 1, 2
_PLAIN_HEADER = bytes((FORMAT, 0))
_NONCE = 12


class Keyring:
    """Encryption keys by id. The first writes, all read: rotate by putting a new one in front.

    ``keys`` maps a short id (1 to 32 ASCII characters, stored with every value) to 32 random bytes.
    ``accept_plaintext`` lets values written before encryption was turned on be read; each is encrypted when its
    session is next written. Turn it off after ``absolute_timeout`` has passed: with it, someone who can
    write to the store can plant values.
    """

    def __init__(self, keys: Mapping[str, bytes], *, accept_plaintext: bool = False) -> None:
        if not keys:
            raise ConfigurationError("a Keyring needs at least one key")
        for name, key in keys.items():
            if not name.isascii() or not 1 <= len(name) <= 32:
                raise ConfigurationError(f"key id {name!r} must be 1 to 32 ASCII characters")
            if len(key) != 32:
                raise ConfigurationError(f"key {name!r} has {len(key)} bytes; AES-256 needs 32")
        self._keys = {name.encode(): bytes(key) for name, key in keys.items()}
        self.current = next(iter(self._keys))
        self.accept_plaintext = accept_plaintext

    def cipher(self, key_id: bytes, record: str) -> AESGCM:
        """The cipher of one record under one key. Raises UnreadableError for an unknown key id."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = self._keys.get(key_id)
        if key is None:
            raise UnreadableError(f"encrypted under key {key_id[:32]!r}, which is not in the keyring")
        return AESGCM(hmac.digest(key, b"zdsession value 1\0" + record.encode(), "sha256"))


class Sealer:
    """Seals and opens values. Safe to share between threads.

    Args:
        keyring: encrypt with it; None stores values readable to whoever can read the store.
        compress_above: bytes; longer encodings are compressed where that makes them smaller. None: never.
        max_value_bytes: limit of one top-level value, encoded, before compression.
    """

    def __init__(
        self,
        keyring: Keyring | None = None,
        *,
        compress_above: int | None = 16_384,
        max_value_bytes: int = 262_144,
    ) -> None:
        self._keyring = keyring
        self._compress_above = compress_above
        self.max_value_bytes = max_value_bytes

    def check_size(self, key: str, plain: bytes) -> None:
        """Raises TooLargeError when an encoded value is above the limit."""
        if len(plain) > self.max_value_bytes:
            raise TooLargeError(f"session value {key}", len(plain), self.max_value_bytes, "max_value_bytes")

    def seal(self, record: str, key: str, plain: bytes) -> bytes:
        """Bytes for the store."""
        flags = 0
        if self._compress_above is not None and len(plain) > self._compress_above:
            packed = zlib.compress(plain, 1)
            if len(packed) < len(plain):
                plain, flags = packed, _ZLIB
        if self._keyring is None:
            return (bytes((FORMAT, flags)) if flags else _PLAIN_HEADER) + plain
        key_id = self._keyring.current
        header = bytes((FORMAT, flags | _AESGCM, len(key_id))) + key_id
        nonce = os.urandom(_NONCE)
        sealed = self._keyring.cipher(key_id, record).encrypt(nonce, plain, _bound_to(header, record, key))
        return header + nonce + sealed

    def open(self, record: str, key: str, sealed: bytes) -> bytes:
        """The encoded value.

        Raises:
            UnreadableError: another format, damaged, moved from its place, or under a key we lack.
        """
        if len(sealed) < 2 or sealed[0] != FORMAT:
            raise UnreadableError(f"value format {sealed[:1].hex() or 'missing'} is not known here")
        flags = sealed[1]
        if flags & ~(_ZLIB | _AESGCM):
            raise UnreadableError(f"value flags {flags:#x} are not known here")
        if flags & _AESGCM:
            data = self._decrypt(record, key, sealed)
        elif self._keyring is not None and not self._keyring.accept_plaintext:
            raise UnreadableError("not encrypted, and the keyring does not accept plaintext")
        else:
            data = sealed[2:]
        return self._inflate(data) if flags & _ZLIB else data

    def stale(self, sealed: bytes) -> bool:
        """Whether writing the same value today would use another key than these bytes do."""
        if self._keyring is None or len(sealed) < 3:
            return False
        if not sealed[1] & _AESGCM:
            return True
        return sealed[3 : 3 + sealed[2]] != self._keyring.current

    def _decrypt(self, record: str, key: str, sealed: bytes) -> bytes:
        if self._keyring is None:
            raise UnreadableError("encrypted, and no keyring is configured")
        if len(sealed) < 3 or len(sealed) < (start := 3 + sealed[2]) + _NONCE:
            raise UnreadableError("too short to be encrypted")
        header, nonce = sealed[:start], sealed[start : start + _NONCE]
        cipher = self._keyring.cipher(header[3:], record)
        try:
            return cipher.decrypt(nonce, sealed[start + _NONCE :], _bound_to(header, record, key))
        except Exception as error:  # InvalidTag, or ValueError for impossible lengths
            raise UnreadableError("does not open: damaged, moved, or another key of this id") from error

    def _inflate(self, data: bytes) -> bytes:
        inflater = zlib.decompressobj()
        try:
            plain = inflater.decompress(data, self.max_value_bytes + 1)
        except zlib.error as error:
            raise UnreadableError(f"does not decompress: {error}") from error
        if not inflater.eof or len(plain) > self.max_value_bytes:
            raise UnreadableError("decompresses to more than max_value_bytes, or is cut short")
        return plain


def _bound_to(header: bytes, record: str, key: str) -> bytes:
    return b"\0".join((header, record.encode(), key.encode()))
