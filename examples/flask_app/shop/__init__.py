"""The example shop: a cart and a checkout of several requests, kept in the visitor's session.

    SHOP_SESSIONS=redis://localhost gunicorn 'shop:create_app()'

Run as many of these as you like: any of them serves any visitor, at any step.
"""

from __future__ import annotations

import os

from flask import Flask

from shop.checkout import checkout
from zdsession.flask import ZDSession
from zdsession.stores import Store


def create_app(sessions: Store | str | None = None) -> Flask:
    """The shop.

    Args:
        sessions: a session store or the URL of one; by default what ``SHOP_SESSIONS`` names.
    """
    app = Flask(__name__)
    ZDSession(app, sessions or os.environ["SHOP_SESSIONS"])
    app.register_blueprint(checkout)
    return app
