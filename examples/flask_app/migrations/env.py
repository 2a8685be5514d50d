"""Alembic's own environment; zdmigrate never runs it."""

import os

from alembic import context
from shop.models import Base
from sqlalchemy import create_engine

with create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
