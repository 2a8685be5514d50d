"""The example shop: catalogue, cart, a checkout of several pages, orders, accounts and an admin page.

    gunicorn -c gunicorn.conf.py 'shop:create_app()'

Run as many of these as you like: any of them serves any visitor at any step, and no visitor notices which.
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, abort, current_app, request

from shop import accounts, admin, catalogue, checkout, commands, database
from shop.settings import Settings
from shop.version import VERSION
from zdsession import SessionManager
from zdsession.flask import ZDSession
from zdsession.fleet import FleetMember, FleetMiddleware
from zdsession.manifest import Manifest
from zdsession.proxies import TrustedProxies
from zdsession.stores import open_store

MANIFEST = Path(__file__).parents[1] / "manifest.json"
#: Seconds that a request waits for the session store, a switchover of its database included.
SESSION_BUDGET = 10.0


def create_app(settings: Settings | None = None) -> Flask:
    """The shop.

    Args:
        settings: by default those of the environment.
    """
    settings = settings or Settings.from_environment()
    app = Flask(__name__)
    data = database.init_app(app, settings.databases)
    sessions = SessionManager(open_store(settings.sessions, budget=SESSION_BUDGET))
    ZDSession(app, sessions)
    fleet = FleetMember(
        sessions, version=VERSION, manifest=Manifest.read(MANIFEST), database=data.engine, patience=SESSION_BUDGET
    )
    data.engine.join_fleet(fleet)  # a switchover asks every process to hold its transactions for a moment
    app.extensions["fleet"] = fleet
    for pages in (catalogue.pages, accounts.pages, checkout.pages, admin.pages):
        app.register_blueprint(pages)
    app.cli.add_command(commands.seed)
    app.before_request(_refuse_foreign_forms)
    app.after_request(_say_who)
    app.context_processor(lambda: {"version": VERSION, "node": fleet.node})
    app.wsgi_app = FleetMiddleware(  # type: ignore[method-assign]
        TrustedProxies(app.wsgi_app, trusted=settings.proxies), fleet, token=settings.health_token
    )
    return app


def _refuse_foreign_forms() -> None:
    """Forms of other sites: the session's cookie is SameSite=Lax already, and browsers say where a form is from."""
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        abort(403)


def _say_who(response: Response) -> Response:
    """Which node and version answered, for whoever watches a release."""
    response.headers["X-Shop"] = f"{current_app.extensions['fleet'].node} {VERSION}"
    return response
