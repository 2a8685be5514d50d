"""How plain Alembic reaches the database (`alembic upgrade head`). zdmigrate does not run this file."""

from alembic import context
from shop.models import Base
from shop.settings import Settings

from zdmigrate.engine import follow_primary

with follow_primary(Settings.from_environment().databases).connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
