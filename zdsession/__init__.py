"""Server-side sessions that outlive the node: any node serves any user, and no deploy logs anybody out."""

from zdsession.codec import AppType as AppType
from zdsession.errors import ConfigurationError as ConfigurationError
from zdsession.errors import DegradedWriteError as DegradedWriteError
from zdsession.errors import HeadersSentError as HeadersSentError
from zdsession.errors import NotStorableError as NotStorableError
from zdsession.errors import SessionError as SessionError
from zdsession.errors import StoreUnavailableError as StoreUnavailableError
from zdsession.errors import TooLargeError as TooLargeError
from zdsession.manager import SessionManager as SessionManager
from zdsession.middleware import SessionMiddleware as SessionMiddleware
from zdsession.sealing import Keyring as Keyring
from zdsession.session import Session as Session
from zdsession.stores import Store as Store
from zdsession.stores import open_store as open_store
