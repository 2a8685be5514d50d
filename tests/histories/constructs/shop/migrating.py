"""Helpers of the kind apps write around `op`."""

import functools

import sqlalchemy as sa
from alembic import context, op

NAME_LENGTH = 120


class Order:
    __tablename__ = "orders"


class AddColumn:
    """An operation as an object that looks before it leaps."""

    def __init__(self, table, column):
        self.table, self.column = table, column

    def run(self):
        if context.is_offline_mode():
            return
        columns = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(self.table)}
        if self.column.name not in columns:
            op.add_column(self.table, self.column)


def has_table(name):
    return name in sa.inspect(op.get_bind()).get_table_names()


def create_index(table, name, columns):
    existing = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}
    if name not in existing:
        op.create_index(name, table, columns)


def raise_if_offline(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        if context.is_offline_mode():
            raise RuntimeError("online only")
        return function(*args, **kwargs)

    return wrapper
