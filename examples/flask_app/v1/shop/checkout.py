"""From the cart to the order, over several pages: address, payment, confirmation.

What is known so far is in the session, so that each page may come from another node, of either version.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from shop.accounts import logged_in
from shop.catalogue import lines, total
from shop.database import Session, database
from shop.models import Order, OrderLine

pages = Blueprint("checkout", __name__)
PAYMENTS = ("card", "invoice")


@pages.route("/checkout/address", methods=["GET", "POST"])
@logged_in
def address() -> Response | str:
    """Where to send it."""
    if not session.get("cart"):
        return redirect(url_for("catalogue.cart"), 303)
    if request.method == "GET":
        return render_template("address.html", steps=session.get("checkout", {}))
    session.setdefault("checkout", {})["address"] = request.form["address"].strip()[:200]
    return redirect(url_for("checkout.payment"), 303)


@pages.route("/checkout/payment", methods=["GET", "POST"])
@logged_in
def payment() -> Response | str:
    """How to pay. Gives the order its key."""
    steps = session.get("checkout", {})
    if not steps.get("address"):
        return redirect(url_for("checkout.address"), 303)
    if request.method == "GET":
        return render_template("payment.html", payments=PAYMENTS)
    if request.form["payment"] not in PAYMENTS:
        abort(400, "there is no such way to pay")
    steps["payment"] = request.form["payment"]
    steps.setdefault("key", str(uuid4()))
    return redirect(url_for("checkout.confirm"), 303)


@pages.get("/checkout/confirm")
@logged_in
def confirm() -> Response | str:
    """Everything once more."""
    steps = session.get("checkout", {})
    if "key" not in steps:
        return redirect(url_for("checkout.payment"), 303)
    cart = database.read(lines, session.get("cart", {}))
    return render_template("confirm.html", steps=steps, lines=cart, total=total(cart))


@pages.post("/checkout/confirm")
@logged_in
def place() -> Response:
    """Place the order with this key: once, however often and on however many nodes the form arrives."""
    key, steps, cart = request.form["key"], session.get("checkout", {}), session.get("cart", {})
    if steps.get("key") == key and cart:
        try:
            database.write(_place, session["customer"], cart, steps, committed=_is_placed)
        except IntegrityError:
            if database.read(_order, session["customer"], key) is None:
                raise
        del session["cart"], session["checkout"]
    elif database.read(_order, session["customer"], key) is None:
        abort(409, "this order is not what is in the cart: look at it again")
    return redirect(url_for("checkout.order", key=key), 303)


@pages.get("/orders/<key>")
@logged_in
def order(key: str) -> str:
    """One order of this customer."""
    found = database.read(_order, session["customer"], key)
    if found is None:
        abort(404)
    return render_template("order.html", order=found)


def _place(data: Session, customer: int, cart: Mapping[str, int], steps: Mapping[str, str]) -> None:
    chosen = lines(data, cart)
    order = Order(
        order_key=steps["key"],
        customer_id=customer,
        status="paid" if steps["payment"] == "card" else "new",
        total=total(chosen),
        address=steps["address"],
        payment=steps["payment"],
    )
    data.add(order)
    data.flush()
    for line in chosen:
        bought = {"order_id": order.id, "product_id": line.product.id}
        data.add(OrderLine(**bought, quantity=line.quantity, price=line.product.price))


def _is_placed(data: Session, customer: int, cart: Mapping[str, int], steps: Mapping[str, str]) -> bool:
    return _order(data, customer, steps["key"]) is not None


def _order(data: Session, customer: int, key: str) -> Order | None:
    return data.scalar(select(Order).where(Order.order_key == key, Order.customer_id == customer))
