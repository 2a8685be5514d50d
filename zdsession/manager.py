"""One configuration of sessions: a store, its options, and the way from a request's cookie to a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from zdsession.circuit import Circuit, GuardedStore
from zdsession.codec import Codec
from zdsession.cookie import Cookie
from zdsession.drain import Draining
from zdsession.errors import StoreUnavailableError
from zdsession.events import emit
from zdsession.options import Options, milliseconds
from zdsession.record import Found
from zdsession.sealing import Sealer
from zdsession.session import Session
from zdsession.stores import open_store
from zdsession.stores.base import Store

P = ParamSpec("P")
T = TypeVar("T")


class SessionManager:
    """Opens sessions, and ends them by user. Make one for an app; safe to share between threads and over a fork.

    Args:
        store: a store, or the URL of one (see :func:`zdsession.open_store`).
        options: see :class:`zdsession.options.Options`.

    Raises:
        ConfigurationError: options that cannot work together.
        TypeError: an option there is not.
    """

    def __init__(self, store: Store | str, **options: Any) -> None:
        self.options = Options(**options)
        o = self.options
        self.cookie = Cookie(o.cookie_name, o.same_site, o.insecure_http)
        self.codec = Codec(o.types)
        self.sealer = Sealer(o.keyring, compress_above=o.compress_above, max_value_bytes=o.max_value_bytes)
        self.circuit = Circuit(failures=o.circuit_failures, cooldown=o.circuit_cooldown)
        self.store = GuardedStore(open_store(store) if isinstance(store, str) else store, self.circuit)
        self.adoption = o.adopt
        #: Set by whoever drains this node; ``environ["zdsession.draining"]`` shows it to the app.
        self.draining = Draining()
        self.clock = o.clock
        self.idle_ms = milliseconds(o.idle_timeout)
        self.absolute_ms = milliseconds(o.absolute_timeout)
        self.renewal_ms = None if o.renewal_timeout is None else milliseconds(o.renewal_timeout)
        self.grace_ms = milliseconds(o.grace)

    @classmethod
    def of(cls, store: Store | str | SessionManager, **options: Any) -> SessionManager:
        """The manager for what an integration was given: a store, the URL of one, or a manager, as it is."""
        if not isinstance(store, SessionManager):
            return cls(store, **options)
        if options:
            raise TypeError("give options to the SessionManager, or let it be made from a store")
        return store

    def open(self, cookie_header: str | None) -> Session:
        """The session of a request with this Cookie header. Asks the store nothing until it is touched."""
        return Session(self, cookie_header)

    def sessions_of(self, user: str) -> list[Found]:
        """The live sessions bound to a user, oldest first.

        Raises:
            StoreUnavailableError: the store is out.
        """
        return self._ask(self.store.sessions_of, user)

    def revoke(self, session_id: str) -> bool:
        """End one session by its ``id`` (``Session.id``, ``Found.id``). False if there was none.

        Raises:
            StoreUnavailableError: the store is out; the session may live on.
        """
        ended = self._ask(self.store.destroy, session_id)
        emit("revoked", session_id, found=ended)
        return ended

    def revoke_user(self, user: str, *, keep: Session | None = None) -> int:
        """Log a user out everywhere, except from the session ``keep``. Final, also for requests under way.

        Returns:
            How many sessions were ended.

        Raises:
            StoreUnavailableError: the store is out; sessions may live on.
        """
        kept = None if keep is None else keep.id
        count = self._ask(self.store.revoke_user, user, keep=kept)
        emit("revoked", kept or "", count=count)
        return count

    @staticmethod
    def _ask(question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The store's answer; that it has none is an event."""
        try:
            return question(*args, **kwargs)
        except StoreUnavailableError as error:
            emit("store_error", "", error=error)
            raise
