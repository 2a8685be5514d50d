"""Browse, fill a cart, check out: five requests, each of which any node may answer.

Every step sets rather than adds, so that a browser or a balancer may send it again when a node died before its answer
arrived. A step out of turn is a 409 that names the one that is missing.
"""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID, uuid4

from flask import Blueprint, Response, abort, jsonify, make_response, request, session

checkout = Blueprint("checkout", __name__)

CATALOGUE = {
    "tea": ("Darjeeling, 100 g", Decimal("12.50")),
    "cup": ("Cup, white", Decimal("8.00")),
    "pot": ("Teapot, 1 l", Decimal("39.90")),
}


@checkout.get("/")
def browse() -> Response:
    """The catalogue; it does not look at the session."""
    return jsonify({sku: {"name": name, "price": str(price)} for sku, (name, price) in CATALOGUE.items()})


@checkout.get("/cart")
def cart() -> Response:
    """What is in the cart, what the checkout knows, and the orders placed."""
    return _shown()


@checkout.put("/cart/<sku>")
def put(sku: str) -> Response:
    """Have ``quantity`` of an article in the cart."""
    if sku not in CATALOGUE:
        abort(404)
    quantity = request.form.get("quantity", 1, int)
    if not 0 < quantity < 100:
        _refuse(400, "a quantity is from 1 to 99")
    session.setdefault("cart", {})[sku] = quantity  # a nested change: seen without any flag
    return _shown()


@checkout.put("/checkout/address")
def address() -> Response:
    """Where to send it."""
    if not session.get("cart"):
        _refuse(409, "the cart is empty")
    session.setdefault("checkout", {})["address"] = request.form["address"]
    return _shown()


@checkout.put("/checkout/payment")
def payment() -> Response:
    """How to pay. Gives the order its number, so that confirming it twice places it once."""
    if "address" not in session.get("checkout", {}):
        _refuse(409, "there is no address")
    steps = session["checkout"]
    steps["payment"] = request.form["payment"]
    steps.setdefault("order", uuid4())
    return _shown()


@checkout.put("/checkout/confirm/<uuid:order>")
def confirm(order: UUID) -> Response:
    """Place the order, once."""
    orders = session.setdefault("orders", [])
    if order not in [placed["order"] for placed in orders]:
        steps = session.get("checkout", {})
        if steps.get("order") != order:
            _refuse(409, "there is no payment for this order")
        total = sum((CATALOGUE[sku][1] * quantity for sku, quantity in session["cart"].items()), Decimal())
        orders.append({"order": order, "cart": session["cart"], "total": total, **steps})
        del session["cart"], session["checkout"]
    return _shown()


def _shown() -> Response:
    keys = {"cart": {}, "checkout": {}, "orders": []}
    return jsonify({key: session.get(key, empty) for key, empty in keys.items()})


def _refuse(status: int, why: str) -> None:
    abort(make_response(jsonify({"error": why}), status))
