"""What to call a statement: its kind in Alembic's words, and the table and column it is about."""

from __future__ import annotations

from typing import NamedTuple

from zdmigrate.history import syntax as s


class Subject(NamedTuple):
    """Kind, table and column of a statement; None where it has none or several."""

    kind: str
    table: str | None = None
    column: str | None = None


def subject_of(node: s.Node) -> Subject:
    """The subject of a statement, for reports and JSON (`changes[].kind`, `.table`, `.column`)."""
    match node:
        case s.CreateTable(name=name):
            return Subject("create_table", name)
        case s.AlterTable():
            return _of_alter(node)
        case s.DropTable(names=names):
            return Subject("drop_table", names[0] if len(names) == 1 else None)
        case s.RenameTable(pairs=pairs):
            return Subject("rename_table", pairs[0][0] if len(pairs) == 1 else None)
        case s.TruncateTable(name=name):
            return Subject("truncate_table", name)
        case s.MaintainTable(verb=verb, names=names):
            return Subject(f"{verb.lower()}_table", names[0] if len(names) == 1 else None)
        case s.CreateView(name=name):
            return Subject("create_view", name)
        case s.DropView(names=names):
            return Subject("drop_view", names[0] if len(names) == 1 else None)
        case s.CreateTrigger(trigger=trigger):
            return Subject("create_trigger", trigger.table)
        case s.DropTrigger():
            return Subject("drop_trigger")
        case s.CreateRoutine(routine=routine, altered=altered):
            return Subject(f"{'alter' if altered else 'create'}_{routine.kind}")
        case s.DropRoutine(kind=kind):
            return Subject(f"drop_{kind}")
        case s.CallRoutine():
            return Subject("call")
        case s.ChangeDatabase(verb=verb):
            return Subject(f"{verb.lower()}_database")
        case s.Insert(table=table, verb=verb, from_select=from_select):
            return Subject("insert_select" if from_select else verb.lower(), table)
        case s.Update(tables=tables, assignments=assignments):
            columns = {item.column for item in assignments}
            return Subject(
                "update", tables[0] if len(tables) == 1 else None, columns.pop() if len(columns) == 1 else None
            )
        case s.Delete(tables=tables):
            return Subject("delete", tables[0] if len(tables) == 1 else None)
        case s.LoadData(table=table):
            return Subject("load_data", table)
        case s.Select():
            return Subject("select")
        case s.SetVariable():
            return Subject("set_variable")
        case s.Use():
            return Subject("use")
        case s.Transaction():
            return Subject("transaction")
        case s.Privilege(verb=verb):
            return Subject(verb.lower().replace(" ", "_"))
        case s.Opaque():
            return Subject("opaque")


def _of_alter(node: s.AlterTable) -> Subject:
    actions = [action for action in node.actions if not (isinstance(action, s.AddForeignKey) and action.inline)]
    if len(actions) != 1:
        return Subject("alter_table", node.name)
    kind, column = _of_action(actions[0])
    return Subject(kind, node.name, column)


def _of_action(action: s.AlterAction) -> tuple[str, str | None]:
    match action:
        case s.AddColumn(column=column):
            return "add_column", column.name
        case s.DropColumn(name=name):
            return "drop_column", name
        case s.ModifyColumn(old_name=old, column=column):
            return ("alter_column" if old.lower() == column.name.lower() else "rename_column"), old
        case s.RenameColumn(old=old):
            return "rename_column", old
        case s.SetColumnDefault(name=name) | s.DropColumnDefault(name=name) | s.SetColumnVisibility(name=name):
            return "alter_column", name
        case s.AddKey(key=key):
            kinds = {"primary": "create_primary_key", "unique": "create_unique_constraint"}
            return kinds.get(key.kind, "create_index"), key.columns[0] if len(key.columns) == 1 else None
        case s.DropKey(name=name):
            return ("drop_primary_key" if name.upper() == "PRIMARY" else "drop_index"), None
        case s.RenameKey() | s.SetKeyVisibility():
            return "alter_index", None
        case s.AddForeignKey(foreign_key=foreign_key):
            return "create_foreign_key", foreign_key.columns[0] if len(foreign_key.columns) == 1 else None
        case s.DropForeignKey():
            return "drop_foreign_key", None
        case s.AddCheck():
            return "create_check_constraint", None
        case s.DropCheck() | s.DropConstraint():
            return "drop_constraint", None
        case s.SetCheckEnforced():
            return "alter_check_constraint", None
        case s.RenameTo():
            return "rename_table", None
        case s.ConvertCharset():
            return "convert_charset", None
        case s.PartitionBy():
            return "partition_table", None
        case s.AlterPartitions(operation=operation):
            return f"{operation.lower()}_partition", None
        case s.Rebuild():
            return "rebuild_table", None
        case s.SetSystemVersioning():
            return "system_versioning", None
        case s.SetOptions() | s.OtherAction():
            return "alter_table_options", None
