"""Flask's own sessions: the values themselves, signed, in the cookie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from zdsession.adoption.reader import OldCookie
from zdsession.options import Duration, milliseconds


class FlaskCookieReader:
    """Reads the session cookie of an app that used Flask's default session interface.

    No server knows these sessions, so the old app cannot be told that one has ended. What we adopted is not adopted
    again from the same cookie; but a copy of an earlier cookie of the same visitor is another cookie.

    Args:
        secret_key: the app's ``SECRET_KEY``.
        fallbacks: its ``SECRET_KEY_FALLBACKS``.
        max_age: older cookies are refused: its ``PERMANENT_SESSION_LIFETIME``.
        cookie: its cookie; the name is ``SESSION_COOKIE_NAME``.
    """

    name = "flask-cookie"

    def __init__(
        self,
        secret_key: str | bytes,
        *,
        fallbacks: Sequence[str | bytes] = (),
        max_age: Duration = timedelta(days=31),
        cookie: OldCookie | None = None,
    ) -> None:
        from flask.sessions import SecureCookieSessionInterface, session_json_serializer
        from itsdangerous import URLSafeTimedSerializer

        self.cookie = cookie or OldCookie("session")
        self._max_age = milliseconds(max_age) // 1000
        keys: list[Any] = [*fallbacks, secret_key]  # itsdangerous has the current one last
        self._serializer = URLSafeTimedSerializer(
            keys,
            salt=SecureCookieSessionInterface.salt,
            serializer=session_json_serializer,
            signer_kwargs={
                "key_derivation": SecureCookieSessionInterface.key_derivation,
                "digest_method": SecureCookieSessionInterface.digest_method,
            },
        )

    def key(self, value: str) -> str | None:
        if self._values(value) is None:
            return None
        return value.rpartition(".")[0]  # what is signed; a signature has more than one spelling

    def read(self, key: str) -> Mapping[str, Any] | None:
        signature = self._serializer.make_signer(self._serializer.salt).get_signature(key)
        return self._values(f"{key}.{signature.decode()}")

    def remove(self, key: str) -> None:
        """There is nothing to remove but the cookie."""

    def user(self, values: Mapping[str, Any]) -> str | None:
        return None

    def _values(self, value: str) -> Mapping[str, Any] | None:
        from itsdangerous import BadData

        try:
            values = self._serializer.loads(value, max_age=self._max_age)
        except (BadData, UnicodeError, ValueError):
            return None
        return values if isinstance(values, dict) else None
