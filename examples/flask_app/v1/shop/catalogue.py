"""What can be bought, and the cart: article by quantity, in the visitor's session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from shop.database import Session, database
from shop.models import Product

pages = Blueprint("catalogue", __name__)


@dataclass(frozen=True)
class Line:
    """One article in a cart, at today's price."""

    product: Product
    quantity: int

    @property
    def sum(self) -> Decimal:
        """What it costs."""
        return self.product.price * self.quantity


def lines(data: Session, cart: Mapping[str, int]) -> list[Line]:
    """A cart with its articles. What is not sold any more is left out."""
    found = data.scalars(select(Product).where(Product.sku.in_(cart)).order_by(Product.sku))
    return [Line(product, cart[product.sku]) for product in found]


def total(cart: list[Line]) -> Decimal:
    """What a cart costs."""
    return sum((line.sum for line in cart), Decimal())


@pages.get("/")
def browse() -> str:
    """All articles. Does not look at the session, so that a cache may keep it."""
    return render_template("catalogue.html", products=database.read(_products))


@pages.get("/cart")
def cart() -> str:
    """What is in the cart."""
    found = database.read(lines, session.get("cart", {}))
    return render_template("cart.html", lines=found, total=total(found))


@pages.post("/cart")
def put() -> Response:
    """Have ``quantity`` of an article in the cart. Sets rather than adds: it may be sent twice."""
    sku, quantity = request.form["sku"], request.form.get("quantity", 1, int)
    if not 0 <= quantity < 100:
        abort(400, "a quantity is from 0 to 99")
    if not database.read(lines, {sku: quantity}):
        abort(404, "there is no such article")
    chosen = session.setdefault("cart", {})
    if quantity:
        chosen[sku] = quantity  # a nested change: noticed without any flag
    else:
        chosen.pop(sku, None)
    session.get("checkout", {}).pop("key", None)  # another cart is another order
    return redirect(url_for("catalogue.cart"), 303)


def _products(data: Session) -> list[Product]:
    return list(data.scalars(select(Product).order_by(Product.sku)))
