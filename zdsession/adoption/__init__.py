"""Turn us on without logging anybody out: each visitor's old session is read once, and replaced by one of ours.

    SessionManager("redis://new", adopt=Adoption(FlaskSessionReader.in_redis("redis://old"), secret=SECRET))

Nothing here unpickles: a pickled session is recognised and refused.
"""

from zdsession.adoption.adopt import Adoption as Adoption
from zdsession.adoption.beaker import BeakerReader as BeakerReader
from zdsession.adoption.django import DjangoReader as DjangoReader
from zdsession.adoption.flask_cookie import FlaskCookieReader as FlaskCookieReader
from zdsession.adoption.flask_session import FlaskSessionReader as FlaskSessionReader
from zdsession.adoption.places import Place as Place
from zdsession.adoption.places import RedisPlace as RedisPlace
from zdsession.adoption.places import TablePlace as TablePlace
from zdsession.adoption.reader import OldCookie as OldCookie
from zdsession.adoption.reader import Reader as Reader
from zdsession.adoption.reader import RefusedError as RefusedError
