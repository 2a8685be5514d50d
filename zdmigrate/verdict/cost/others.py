"""What statements other than ALTER TABLE cost."""

from __future__ import annotations

from zdmigrate.flavour import Flavour
from zdmigrate.history import syntax as s
from zdmigrate.history.catalog import Catalog, Table
from zdmigrate.history.recording import RecordedStatement
from zdmigrate.verdict.cost.model import Basis, Cost

_MOMENT = "Sessions that use the table, for a moment: an exclusive metadata lock, queued behind open transactions."


def cost_of_other(node: s.Node, recorded: RecordedStatement, target: Flavour, base: Catalog | None) -> Cost:
    """The cost of a statement that is no ALTER TABLE, CREATE INDEX or DROP INDEX."""
    match node:
        case s.CreateTable():
            return _create(node)
        case s.DropTable(names=names, temporary=temporary):
            if temporary or _all_new(names, recorded, base):
                return Cost("NONE", reason="The table was created in this release.", new_table=True)
            waits = f"{_MOMENT} A file of many GB also takes time to unlink."
            return Cost("NONE", "EXCLUSIVE", waits=waits, reason="The table is removed as a whole.")
        case s.RenameTable():
            return Cost("INSTANT", "EXCLUSIVE", waits=_MOMENT, reason="Only the name changes.")
        case s.TruncateTable(name=name):
            new = _all_new((name,), recorded, base)
            return Cost("NONE", "EXCLUSIVE", waits=_MOMENT, reason="The table is made anew, empty.", new_table=new)
        case s.MaintainTable():
            return _maintain(node, recorded, target, base)
        case s.CreateTrigger() | s.DropTrigger():
            return Cost("NONE", "EXCLUSIVE", waits=_MOMENT, reason="A trigger takes its table's metadata lock.")
        case s.Insert() | s.Update() | s.Delete() | s.LoadData():
            return _dml(node, recorded, base)
        case s.CallRoutine():
            return Cost("DML", basis="assumed", reason="What the routine does is not in the statement.")
        case s.ChangeDatabase(verb="DROP"):
            return Cost("NONE", "EXCLUSIVE", waits=_MOMENT, reason="Every table of the schema is removed.")
        case s.Opaque(reason=reason):
            return Cost(
                "COPY",
                "SHARED",
                rebuild=True,
                basis="assumed",
                waits="Unknown: the statement could not be read, so the dearest form is assumed.",
                reason=reason,
                scans=True,
                blocks_writes=True,
            )
        case _:
            return Cost("NONE", reason="No table is worked on.")


def _create(node: s.CreateTable) -> Cost:
    if node.select is not None:
        waits = "Writers of the rows it reads, until it has committed."
        return Cost(
            "DML", waits=waits, reason="Rows are read and inserted in one transaction.", scans=True, new_table=True
        )
    parents = any(isinstance(action, s.AddForeignKey) for action in node.actions)
    waits = "Sessions that use a table it refers to, for a moment: a metadata lock." if parents else "Nobody."
    return Cost("NONE", waits=waits, reason="The table is new.", new_table=True)


def _maintain(node: s.MaintainTable, recorded: RecordedStatement, target: Flavour, base: Catalog | None) -> Cost:
    new = _all_new(node.names, recorded, base)
    match node.verb.upper():
        case "OPTIMIZE":
            tables = [recorded.before.table(name) for name in node.names]
            return _optimize([table for table in tables if table is not None], target, new)
        case "ANALYZE":
            waits = "Nobody but for a moment; queries that began before it can hold up those after it."
            return Cost("NONE", waits=waits, reason="Index statistics are sampled.", new_table=new)
        case "REPAIR":
            return Cost("NONE", reason="InnoDB has no REPAIR TABLE.", basis="assumed", scans=True, new_table=new)
        case _:
            return Cost(
                "NONE", waits="Nobody, but every row is read.", reason="Rows are read.", scans=True, new_table=new
            )


def _optimize(tables: list[Table], target: Flavour, new: bool) -> Cost:
    reason = "InnoDB rebuilds the table."
    fulltext = max((sum(key.kind == "fulltext" for key in table.keys) for table in tables), default=0)
    if fulltext > (1 if target.is_mariadb else 0):
        waits = "Writers are blocked for the whole copy; replicas then stall for as long as it ran on the primary."
        return Cost(
            "COPY", "SHARED", True, waits=waits, reason=reason, scans=True, blocks_writes=not new, new_table=new
        )
    waits = "Nobody on the primary but for a moment; replicas stall for as long as the rebuild ran on the primary."
    basis: Basis = "table" if tables else "assumed"
    return Cost("INPLACE", rebuild=True, basis=basis, waits=waits, reason=reason, scans=True, new_table=new)


def _dml(node: s.Insert | s.Update | s.Delete | s.LoadData, recorded: RecordedStatement, base: Catalog | None) -> Cost:
    match node:
        case s.Insert(from_select=False):
            new = _all_new((node.table,), recorded, base)
            return Cost("DML", waits="Nobody but for the rows it writes.", reason="Rows are inserted.", new_table=new)
        case s.Insert() | s.LoadData():
            new = _all_new((node.table,), recorded, base)
            reason = "Rows are read and inserted in one transaction."
            waits = "Writers of the rows it reads or writes, until it has committed; replicas repeat it in one piece."
            return Cost("DML", waits=waits, reason=reason, scans=True, new_table=new)
        case s.Update(tables=tables, where=where) | s.Delete(tables=tables, where=where):
            new = _all_new(tables, recorded, base)
            return Cost(
                "DML",
                waits="Writers of every row it examines, until it has committed; replicas repeat it in one piece.",
                reason="Rows are changed in one transaction: each one examined stays locked until it has committed.",
                cheaper="" if new else "In batches by primary key, with a pause between them.",
                scans=where is None,
                blocks_writes=where is None and not new,
                new_table=new,
            )


def _all_new(names: tuple[str, ...], recorded: RecordedStatement, base: Catalog | None) -> bool:
    """Every table was created in this release (or is temporary)."""
    if base is None:
        return bool(names) and all(name in recorded.before.temporary for name in names)
    for name in names:
        table = recorded.before.table(name)
        if name in recorded.before.temporary:
            continue
        if table is None or not table.complete or base.table_by_uid(table.uid) is not None:
            return False
    return bool(names)
