"""`flask --app shop seed`: something to sell, and somebody who may sell it."""

from __future__ import annotations

from decimal import Decimal

import click
from flask.cli import with_appcontext
from sqlalchemy import select
from werkzeug.security import generate_password_hash

from shop.database import Session, database
from shop.models import Customer, Product

GOODS = {
    "tea": ("Darjeeling, 100 g", "12.50"),
    "cup": ("Cup, white", "8.00"),
    "pot": ("Teapot, 1 l", "39.90"),
    "can": ("Tea caddy, tin", "14.20"),
    "tray": ("Tray, oak", "59.00"),
}


@click.command()
@click.option("--admin", default="admin@shop.example", show_default=True, help="The administrator's address.")
@click.option("--password", envvar="SHOP_ADMIN_PASSWORD", required=True, help="Prefer the environment variable.")
@with_appcontext
def seed(admin: str, password: str) -> None:
    """Put the goods and an administrator into an empty shop. Does nothing where they are."""
    database.write(_seed, admin, generate_password_hash(password), committed=lambda data, *_: _is_seeded(data))


def _seed(data: Session, admin: str, hashed: str) -> None:
    if not _is_seeded(data):
        for sku, (title, price) in GOODS.items():
            data.add(Product(sku=sku, title=title, price=Decimal(price)))
        name = {"first_name": "Ada", "last_name": "Admin"}
        data.add(Customer(email=admin, password_hash=hashed, newsletter=False, is_admin=True, **name))


def _is_seeded(data: Session) -> bool:
    return data.scalar(select(Product.id).limit(1)) is not None
