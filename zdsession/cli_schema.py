"""``zdsession schema``: the sessions table in MySQL, MariaDB or SQLite."""

from __future__ import annotations

import click
from sqlalchemy.exc import SQLAlchemyError

from zdsession.errors import ConfigurationError, StoreUnavailableError
from zdsession.stores import Store, open_store, safe_url
from zdsession.stores.mirrored import MirroredStore
from zdsession.stores.sql import SqlStore
from zdsession.stores.sql_schema import SCHEMA_VERSION

_ALEMBIC = '''"""The sessions table of zdsession, schema {version}."""

from alembic import op

revision = "zdsession{version}"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
{upgrade}


def downgrade() -> None:
    op.execute("DROP TABLE zdsession")
'''


@click.command()
@click.option(
    "--store",
    "url",
    envvar="ZDSESSION_STORE",
    required=True,
    help="URL of the store. Prefer the environment variable: others can read a command line.",
    show_envvar=True,
)
@click.option("--apply", "how", flag_value="apply", help="Create or complete the table. Needs CREATE, ALTER and INDEX.")
@click.option("--sql", "how", flag_value="sql", help="Print the statements that make the table; ask no server.")
@click.option("--alembic", "how", flag_value="alembic", help="Print them as an Alembic revision; set down_revision.")
def schema(url: str, how: str | None) -> None:
    """Say what the sessions table lacks (exit code 1 if something), or make it.

    A running app does so by itself, unless its store has auto_schema=False. The schema only grows, so older versions of
    this library go on working on a newer one.
    """
    try:
        store = open_store(url)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    tables = _sql_stores(store)
    if not tables:
        raise click.UsageError(f"{safe_url(url)} has no schema: only MySQL, MariaDB and SQLite do")
    try:
        complete = [_run(one, how) for one in tables]
    except (StoreUnavailableError, SQLAlchemyError) as error:
        reason = getattr(error, "orig", None) or error
        raise click.ClickException(f"{safe_url(url)}: {reason}") from None
    finally:
        store.close()
    if not all(complete):
        raise click.exceptions.Exit(1)


def _sql_stores(store: Store) -> list[SqlStore]:
    parts = store.parts if isinstance(store, MirroredStore) else (store,)
    return [part for part in parts if isinstance(part, SqlStore)]


def _run(store: SqlStore, how: str | None) -> bool:
    """Whether the table is complete, as far as was asked."""
    if how == "sql":
        click.echo(";\n\n".join(store.schema_sql()) + ";")
        return True
    if how == "alembic":
        upgrade = "\n".join(f"    op.execute({_quoted(statement)})" for statement in store.schema_sql())
        click.echo(_ALEMBIC.format(version=SCHEMA_VERSION, upgrade=upgrade), nl=False)
        return True
    lacking = store.missing_schema()
    if how == "apply":
        store.create_schema()
        click.echo(f"schema {SCHEMA_VERSION}: complete" if not lacking else f"ran {len(lacking)} statements")
        return True
    for statement in lacking:
        click.echo(f"missing: {' '.join(statement.split())}")
    click.echo(f"schema {SCHEMA_VERSION}: " + ("run zdsession schema --apply" if lacking else "complete"))
    return not lacking


def _quoted(statement: str) -> str:
    return f'"""\n{statement}\n"""' if "\n" in statement else repr(statement)
