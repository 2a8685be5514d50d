"""The tables of the shop."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import DateTime, Enum, ForeignKey, Numeric, String, func, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

STATUSES = ("new", "paid", "sent")


class Base(DeclarativeBase):
    """Every table of the shop."""


class Customer(Base):
    """Somebody with an account."""

    __tablename__ = "customer"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(120), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(80))
    newsletter: Mapped[bool | None]
    is_admin: Mapped[bool] = mapped_column(default=False, server_default=text("0"))


class Product(Base):
    """Something to buy."""

    __tablename__ = "product"

    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(String(20), unique=True)
    title: Mapped[str] = mapped_column(String(80))
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2))


class Order(Base):
    """Something bought. ``order_key`` is made before it is placed, so that placing it twice places it once."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_key: Mapped[str] = mapped_column(String(36), unique=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    status: Mapped[str] = mapped_column(Enum(*STATUSES), default="new", server_default="new")
    total: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    address: Mapped[str] = mapped_column(String(200))
    payment: Mapped[str] = mapped_column(String(20))
    placed_at: Mapped[datetime] = mapped_column(DateTime, default=func.now(), server_default=func.now())
    lines: Mapped[list[OrderLine]] = relationship(lazy="selectin")
    customer: Mapped[Customer] = relationship(lazy="joined")


class OrderLine(Base):
    """One article of an order, at the price it had then."""

    __tablename__ = "order_line"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), primary_key=True)
    quantity: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    product: Mapped[Product] = relationship(lazy="joined")
