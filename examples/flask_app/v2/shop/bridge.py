"""What version 2 does only because version 1 may run beside it. To be deleted in version 3."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flask import current_app
from sqlalchemy import bindparam, text
from sqlalchemy.orm.attributes import set_committed_value

from shop.database import Session
from shop.models import Customer
from shop.version import VERSION
from zdsession.errors import StoreUnavailableError

# `name` is not in the models: a column that a running node maps could never be dropped.
_OLD_NAMES = text("SELECT id, name FROM customer WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))


def complete(data: Session, customers: Iterable[Customer]) -> None:
    """Give customers that the backfill has not come to yet their first and last name, to be shown."""
    lacking = {customer.id: customer for customer in customers if None in (customer.first_name, customer.last_name)}
    if not lacking:
        return
    for number, name in data.execute(_OLD_NAMES, {"ids": list(lacking)}):
        first, _, last = name.partition(" ")
        set_committed_value(lacking[number], "first_name", first)
        set_committed_value(lacking[number], "last_name", last)


def with_names(form: Mapping[str, str]) -> dict[str, str]:
    """A registration form, with first and last name also where version 1 made it and a person sent it later."""
    first, _, last = form.get("name", "").strip().partition(" ")
    return {"first_name": first, "last_name": last, **form}


def alone() -> bool:
    """Whether no other version runs.

    Until then nothing may be sent out that version 1 could not read when it comes back: an order's status in the
    database, and the fields of a form, which a browser may send to another node than the one that made it.
    """
    try:
        nodes = current_app.extensions["fleet"].registry.nodes()
    except StoreUnavailableError:
        return False
    return all(process.version == VERSION for node in nodes for process in node.processes)
