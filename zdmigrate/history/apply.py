"""Apply one statement to the catalog, as the server would: the new catalog, or the server's refusal."""

from __future__ import annotations

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.effects.draft import Context
from zdmigrate.history.effects.objects import (
    change_database,
    create_routine,
    create_trigger,
    create_view,
    drop_routine,
    drop_trigger,
    drop_view,
)
from zdmigrate.history.effects.refusals import Refused as Refused
from zdmigrate.history.effects.reveal import reveal as reveal
from zdmigrate.history.effects.tables import alter_table, create_table, drop_tables, rename_tables, truncate_table
from zdmigrate.history.recording import SessionState
from zdmigrate.history.syntax import (
    AlterTable,
    ChangeDatabase,
    CreateRoutine,
    CreateTable,
    CreateTrigger,
    CreateView,
    DropRoutine,
    DropTable,
    DropTrigger,
    DropView,
    RenameTable,
    Statement,
    TruncateTable,
)


def apply(statement: Statement, catalog: Catalog, session: SessionState, flavour: Flavour) -> Catalog:
    """The catalog after `statement`; DML, SELECT, SET and what we cannot parse leave it as it is.

    Where the catalog is incomplete, what the statement names is taken to exist (see `reveal`): call
    `reveal` first and keep its result as the catalog *before*, so that the delta shows what is lost.

    Raises:
        Refused: with the number and message the server would have answered with.
    """
    catalog = reveal(statement, catalog, flavour)
    context = Context(catalog, session, flavour)
    match statement.node:
        case CreateTable() as node:
            return create_table(context, node)
        case AlterTable() as node:
            return alter_table(context, node)
        case DropTable() as node:
            return drop_tables(context, node)
        case RenameTable() as node:
            return rename_tables(context, node)
        case TruncateTable() as node:
            return truncate_table(context, node)
        case CreateView() as node:
            return create_view(context, node)
        case DropView() as node:
            return drop_view(context, node)
        case CreateTrigger() as node:
            return create_trigger(context, node)
        case DropTrigger() as node:
            return drop_trigger(context, node)
        case CreateRoutine() as node:
            return create_routine(context, node)
        case DropRoutine() as node:
            return drop_routine(context, node)
        case ChangeDatabase() as node:
            return change_database(context, node)
        case _:
            return catalog
