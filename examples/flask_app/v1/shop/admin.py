"""For those who run the shop: the latest orders, and what becomes of them."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from sqlalchemy import select, update
from werkzeug.wrappers import Response

from shop.accounts import logged_in
from shop.database import Session, database
from shop.models import Order

pages = Blueprint("admin", __name__, url_prefix="/admin")
LATEST = 20


@pages.before_request
@logged_in
def _only_admins() -> None:
    if not session.get("is_admin"):
        abort(403)


@pages.get("/orders")
def orders() -> str:
    """The latest orders of everybody."""
    return render_template("admin.html", orders=database.read(_latest), choices=choices())


@pages.post("/orders/<key>")
def change(key: str) -> Response:
    """Give an order another status."""
    status = request.form["status"]
    if status not in choices():
        abort(400, "an order cannot have this status now")
    if not database.write(_change, key, status, committed=_is_changed):
        abort(404)
    return redirect(url_for("admin.orders"), 303)


def choices() -> list[str]:
    """What an order may become."""
    return ["paid", "sent"]


def _latest(data: Session) -> list[Order]:
    return list(data.scalars(select(Order).order_by(Order.id.desc()).limit(LATEST)))


def _change(data: Session, key: str, status: str) -> bool:
    found = data.scalar(select(Order.id).where(Order.order_key == key))
    data.execute(update(Order).where(Order.id == found).values(status=status))
    return found is not None


def _is_changed(data: Session, key: str, status: str) -> bool:
    return data.scalar(select(Order.status).where(Order.order_key == key)) == status
