"""Accounts: register, log in, log out, and the page that shows who you are and what you bought."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response

from shop.database import Session, database
from shop.models import Customer, Order

pages = Blueprint("accounts", __name__)
LATEST = 10
#: Compared with when there is no such customer, so that an answer takes as long.
_NOBODY = generate_password_hash("")

View = Callable[..., Any]


def logged_in(view: View) -> View:
    """For those with an account; others are sent to log in."""

    @wraps(view)
    def guarded(*arguments: Any, **options: Any) -> Any:
        if "customer" not in session:
            return redirect(url_for("accounts.login", next=request.path), 303)
        return view(*arguments, **options)

    return guarded


@pages.route("/register", methods=["GET", "POST"])
def register() -> Response | str | tuple[str, int]:
    """Make an account, and be logged in."""
    if request.method == "GET":
        return render_template("register.html", form={})
    form = request.form
    if not all(form.get(field, "").strip() for field in ("email", "password", "name")):
        flash("Please fill in every field.")
        return render_template("register.html", form=form), 400
    hashed = generate_password_hash(form["password"])
    try:
        customer = database.write(_add, form, hashed, committed=_is_added)
    except IntegrityError:
        found = database.read(_by_email, form["email"])
        if found is None or not check_password_hash(found.password_hash, form["password"]):
            flash("There is an account with this address.")
            return render_template("register.html", form=form), 409
        customer = found  # the form was sent twice, by a browser or a balancer
    _let_in(customer)
    return redirect(url_for("accounts.account"), 303)


@pages.route("/login", methods=["GET", "POST"])
def login() -> Response | str | tuple[str, int]:
    """Show a password, and be known."""
    if request.method == "GET":
        return render_template("login.html", form={})
    customer = database.read(_by_email, request.form.get("email", ""))
    hashed = _NOBODY if customer is None else customer.password_hash
    if not check_password_hash(hashed, request.form.get("password", "")) or customer is None:
        flash("That is not the password, or there is no such account.")
        return render_template("login.html", form=request.form), 401
    _let_in(customer)
    onwards = request.args.get("next", "")
    is_ours = onwards.startswith("/") and not onwards.startswith(("//", "/\\"))
    return redirect(onwards if is_ours else url_for("accounts.account"), 303)


@pages.post("/logout")
def logout() -> Response:
    """Forget the visitor, on every node at once."""
    session.clear()
    return redirect(url_for("catalogue.browse"), 303)


@pages.get("/account")
@logged_in
def account() -> str:
    """Who you are, and your latest orders."""
    customer, orders = database.read(_account, session["customer"])
    if customer is None:
        session.clear()
        abort(410, "this account is gone")
    return render_template("account.html", customer=customer, orders=orders)


def _let_in(customer: Customer) -> None:
    """A new session id, and what was in the cart stays there."""
    session.user_id = str(customer.id)  # type: ignore[attr-defined]
    session["customer"] = customer.id
    session["is_admin"] = customer.is_admin


def _add(data: Session, form: Mapping[str, str], hashed: str) -> Customer:
    # Not ticked may also mean not asked: version 1 leaves it open.
    newsletter = True if form.get("newsletter") else None
    customer = Customer(email=form["email"], password_hash=hashed, name=form["name"].strip(), newsletter=newsletter)
    data.add(customer)
    data.flush()
    return customer


def _is_added(data: Session, form: Mapping[str, str], hashed: str) -> bool:
    customer = _by_email(data, form["email"])
    return customer is not None and customer.password_hash == hashed  # and not somebody else's, with another salt


def _by_email(data: Session, email: str) -> Customer | None:
    return data.scalar(select(Customer).where(Customer.email == email))


def _account(data: Session, number: int) -> tuple[Customer | None, list[Order]]:
    bought = select(Order).where(Order.customer_id == number).order_by(Order.id.desc()).limit(LATEST)
    return data.get(Customer, number), list(data.scalars(bought))
