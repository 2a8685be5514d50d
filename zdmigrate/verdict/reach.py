"""Where manifests do not prove that old code leaves something alone, as it goes there through the database itself.

Manifests say which tables and columns the deployed versions map. A statement on a mapped table may still fire a
trigger, go through a view or carry on along a foreign key, and anybody may call a procedure. So nothing is proved of
a table or column that such an object names, if something that is mapped leads to the object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from zdmigrate.history import syntax as s
from zdmigrate.history.catalog import Catalog, Check, ForeignKey, Key, Trigger
from zdmigrate.verdict import differences as d
from zdmigrate.verdict.evidence import OldCode
from zdmigrate.verdict.object_text import StoredText, bare, stored_texts, words_of
from zdmigrate.verdict.rule import Context
from zdmigrate.verdict.rules.routines.body import effects

_CARRIES = ("CASCADE", "SET NULL", "SET DEFAULT")


@dataclass(frozen=True)
class Reach:
    """What old code gets at.

    Attributes:
        context: where the statement stands.
        names: bare lower-case names of tables and views that are mapped, or that an object in `texts` names.
        texts: the objects that statements of old code may go through.
    """

    context: Context
    names: frozenset[str]
    texts: tuple[StoredText, ...]

    @classmethod
    def of(cls, context: Context) -> Reach:
        """Follow triggers of tables, and views, by name from what is mapped; routines may be called at any time."""
        catalogs = (context.base, context.before, context.after)
        names = set(_mapped(context.old_code, catalogs))
        waiting, found = list(stored_texts(context.after)), list[StoredText]()
        known = {bare(key) for catalog in catalogs for key in (*catalog.tables, *catalog.views)}
        known |= {bare(item.own) for item in waiting if item.own is not None}
        while True:
            ready = [item for item in waiting if item.own is None or bare(item.own) in names]
            if not ready:
                return cls(context, frozenset(names), tuple(found))
            waiting = [item for item in waiting if item.own is not None and bare(item.own) not in names]
            for item in ready:
                names |= known & words_of(item.text)
            found += ready

    def way_in(self, subject: object) -> str:
        """Why manifests prove nothing of this subject: a sentence that names the object; "" if nothing leads there."""
        return next(self._ways(subject), "")

    def _ways(self, subject: object) -> Iterator[str]:
        """Each way by which old code gets at what the subject changes."""
        match subject:
            case d.ColumnDropped(table=table, column=column):
                yield from self._to_columns(table, [column.name])
            case d.ColumnRenamed(table=table, before=before, after=after):
                yield from self._to_columns(table, [before.name, after.name])
            case d.ColumnChanged(table=table, before=before, after=after):
                left_out = bool(subject.aspects & {"nullable", "default", "auto_increment", "generated", "on_update"})
                yield from self._to_columns(table, [before.name, after.name], left_out=left_out)
                if "type" in subject.aspects:
                    yield from self._through_generated(table, before.name)
            case d.ColumnReplaced(table=table, before=before):
                yield from self._to_columns(table, [before.name], left_out=True)
                yield from self._through_generated(table, before.name)
            case d.ColumnAdded(table=table, column=column):
                yield from self._to_columns(table, [column.name], left_out=True)
            case d.KeyAdded(table=table, key=key):
                yield from self._to_key(table, key)
            case d.KeyDropped(table=table, key=key):
                yield from self._to_key(table, key)
                yield from self._references(table, key.columns)
            case d.KeyChanged(table=table, before=before_key, after=after_key):
                yield from self._to_key(table, before_key)
                yield from self._to_key(table, after_key)
                yield from self._references(table, before_key.columns)
            case d.ForeignKeyAdded(table=table, foreign_key=foreign_key):
                yield from self._to_foreign_key(table, foreign_key)
            case d.ForeignKeyDropped(table=table, foreign_key=foreign_key):
                yield from self._to_foreign_key(table, foreign_key)
            case d.ForeignKeyChanged(table=table, before=before_fk, after=after_fk):
                yield from self._to_foreign_key(table, before_fk)
                yield from self._to_foreign_key(table, after_fk)
            case d.CheckAdded(table=table, check=check) | d.CheckDropped(table=table, check=check):
                yield from self._to_check(table, check)
            case d.CheckChanged(table=table, before=before_check, after=after_check):
                yield from self._to_check(table, before_check)
                yield from self._to_check(table, after_check)
            case d.TriggerCreated(trigger=trigger) | d.TriggerDropped(trigger=trigger):
                yield from self._to_trigger(trigger)
            case d.TriggerChanged(before=before_trigger, after=after_trigger):
                yield from self._to_trigger(before_trigger)
                yield from self._to_trigger(after_trigger)
            case d.ViewDropped(view=view) | d.ViewChanged(before=view):
                yield from self._to_table(view.name)
            case d.TableDropped(table=table) | d.TableRenamed(table=table) | d.TableReplaced(table=table):
                yield from self._to_table(table)
                yield from self._left_behind(table)
                if isinstance(subject, d.TableReplaced):
                    yield from self._references(table)
            case (
                d.TableOptionChanged(table=table)
                | d.PartitioningChanged(table=table)
                | d.SystemVersioningChanged(table=table)
                | d.ColumnsReordered(table=table)
                | d.UnseenTableAltered(table=table)
            ):
                yield from self._to_table(table)
            case _:
                yield from self._of_node(subject)

    def _of_node(self, node: object) -> Iterator[str]:
        match node:
            case s.AlterTable(name=name) | s.CreateTable(name=name):
                yield from self._to_table(name)
            case s.DropTable(names=names) | s.DropView(names=names) | s.MaintainTable(names=names):
                for name in names:
                    yield from self._to_table(name)
            case s.RenameTable(pairs=pairs):
                for name, _ in pairs:
                    yield from self._to_table(name)
            case s.TruncateTable(name=name):
                yield from self._to_rows(name)
                yield from self._references(name)
            case s.Delete(tables=tables):
                for name in tables:
                    yield from self._to_rows(name)
                    yield from self._carries_delete(name, seen=True)
                    if not self.context.session.foreign_key_checks:
                        yield from self._references(name)
            case s.LoadData(table=name):
                yield from self._to_rows(name)
            case s.Insert(table=name, verb=verb, on_duplicate=on_duplicate):
                yield from self._to_rows(name)
                if verb == "REPLACE":
                    yield from self._carries_delete(name)
                yield from self._updates((name,), on_duplicate)
            case s.Update(tables=tables, assignments=assignments):
                yield from self._updates(tables, assignments)

    def _updates(self, tables: tuple[str, ...], assignments: Iterable[s.Assignment]) -> Iterator[str]:
        for item in assignments:
            for table in (item.table,) if item.table else tables:
                yield from self._to_columns(table, [item.column])
                yield from self._through_generated(table, item.column)
                yield from self._carries_update(table, item.column)
                if not self.context.session.foreign_key_checks:
                    yield from self._references(table, (item.column,))

    def _to_table(self, table: str, *, but: str = "") -> Iterator[str]:
        names = self._tables(table)
        for item in self.texts:
            if item.names(names) and bare(item.own or "") not in names and str(item) != but:
                yield self._sentence(table, None, f"{item} names it")

    def _to_rows(self, table: str, *, but: str = "") -> Iterator[str]:
        names = self._tables(table)
        for item in self.texts:
            if item.reads_table(names) and str(item) != but:
                yield self._sentence(table, None, f"{item} names it")

    def _to_columns(
        self, table: str, columns: Iterable[str], *, left_out: bool = False, but: str = ""
    ) -> Iterator[str]:
        tables = self._tables(table)
        names = {name.lower(): self._old_column(table, name) for name in columns}
        names |= {old.lower(): old for old in names.values()}
        for item in self.texts:
            if str(item) != but and item.uses_column(tables, names, left_out=left_out):
                named = (old for name, old in names.items() if item.names({name}))
                yield self._sentence(table, next(named, None), f"{item} names it")

    def _to_key(self, table: str, key: Key) -> Iterator[str]:
        parts = [part.column or part.expression or "" for part in key.parts]
        yield from self._to_columns(table, self._columns_in(table, " ".join(parts)), left_out=True)

    def _to_check(self, table: str, check: Check) -> Iterator[str]:
        yield from self._to_columns(table, self._columns_in(table, check.expression), left_out=True)

    def _to_foreign_key(self, table: str, foreign_key: ForeignKey) -> Iterator[str]:
        yield from self._to_columns(table, foreign_key.columns, left_out=True)
        parent = foreign_key.ref_table
        yield from self._to_rows(parent)
        for child, carrier in self._carriers():
            if bare(child) in self._tables(parent):
                yield self._sentence(parent, None, f"foreign key {carrier.name} carries changes into it")

    def _to_trigger(self, trigger: Trigger) -> Iterator[str]:
        itself = f"trigger {trigger.name}"
        done = effects(trigger.body)
        yield from self._to_table(trigger.table, but=itself)
        yield from self._to_columns(trigger.table, done.sets, but=itself)
        for write in done.writes:
            if write.verb == "UPDATE" and write.columns and write.table:
                yield from self._to_columns(write.table, write.columns, but=itself)
            elif write.table:
                yield from self._to_rows(write.table, but=itself)

    def _references(self, table: str, columns: tuple[str, ...] = ()) -> Iterator[str]:
        """Foreign keys of tables that old code gets at, to this table (to just these columns of it)."""
        names, wanted = self._tables(table), {name.lower() for name in columns}
        for child, foreign_key in _foreign_keys(self.context.after):
            over = not wanted or wanted & {name.lower() for name in foreign_key.ref_columns}
            if over and bare(foreign_key.ref_table) in names and self._gets_at(child, but=names):
                column = columns[0] if len(columns) == 1 else None
                yield self._sentence(table, column, f"foreign key {foreign_key.name} of {child} references it")

    def _left_behind(self, table: str) -> Iterator[str]:
        """Foreign keys that go on to reference the table by a name that is no longer there."""
        names, after = self._tables(table), self.context.after
        for child, foreign_key in _foreign_keys(after):
            gone = foreign_key.ref_table not in after.tables and bare(foreign_key.ref_table) in names
            if gone and self._gets_at(child, but=names):
                yield self._sentence(table, None, f"foreign key {foreign_key.name} of {child} references it")

    def _carries_delete(self, table: str, *, seen: bool = False) -> Iterator[str]:
        """Foreign keys that carry a DELETE on; `seen` leaves out what the rule sees: those of a mapped child."""
        names = self._tables(table)
        for child, foreign_key in self._following(set(names), "on_delete"):
            direct = bare(foreign_key.ref_table) in names and self._maps(child)
            if self._gets_at(child) and not (seen and direct):
                yield self._sentence(table, None, f"foreign key {foreign_key.name} carries the change into {child}")

    def _carries_update(self, table: str, column: str) -> Iterator[str]:
        names = set(self._tables(table))
        for child, foreign_key in self._following(names, "on_update", column.lower()):
            if self._gets_at(child):
                yield self._sentence(table, column, f"foreign key {foreign_key.name} carries the change into {child}")

    def _following(self, names: set[str], event: str, column: str | None = None) -> Iterator[tuple[str, ForeignKey]]:
        """(child, foreign key) of all tables into which a change of the table so named is carried on."""
        waiting, wanted = list(_foreign_keys(self.context.before)), column
        while True:
            met = [
                (child, fk)
                for child, fk in waiting
                if getattr(fk, event) in _CARRIES
                and bare(fk.ref_table) in names
                and (wanted is None or wanted in {name.lower() for name in fk.ref_columns})
            ]
            if not met:
                return
            wanted = None  # behind the first step any column may be carried on
            for item in met:
                waiting.remove(item)
                names.add(bare(item[0]))
            yield from met

    def _carriers(self) -> Iterator[tuple[str, ForeignKey]]:
        """(child, foreign key) along which statements of old code change rows of the child."""
        for event in ("on_delete", "on_update"):
            yield from self._following(set(self.names), event)

    def _through_generated(self, table: str, column: str) -> Iterator[str]:
        """Generated columns that old code reads and that are made of the column."""
        tables, names = self._tables(table), {column.lower(), self._old_column(table, column).lower()}
        for key, found in self.context.after.tables.items():
            for other in found.columns if bare(key) in tables else ():
                if other.generated is None or words_of(other.generated.expression).isdisjoint(names):
                    continue
                old = self._old_column(key, other.name)
                mapped = any(self.context.old_code.maps_column(name, old) for name in tables)
                if mapped or any(item.uses_column(tables, {other.name.lower(), old.lower()}) for item in self.texts):
                    yield self._sentence(table, column, f"generated column {other.name} is made of it")

    def _gets_at(self, table: str, *, but: Iterable[str] = ()) -> bool:
        names = self._tables(table)
        return not names.isdisjoint(self.names) and names.isdisjoint(but)

    def _maps(self, table: str) -> bool:
        return any(self.context.old_code.maps_table(name) for name in self._tables(table))

    def _tables(self, table: str) -> frozenset[str]:
        """Every name the table has had since the base schema."""
        catalogs = (self.context.base, self.context.before, self.context.after)
        uids = {found.uid for catalog in catalogs if (found := catalog.table(table)) is not None}
        keys = (key for catalog in catalogs for key, one in catalog.tables.items() if one.uid in uids)
        return frozenset({bare(table), *map(bare, keys)})

    def _columns_in(self, table: str, expression: str) -> list[str]:
        """The columns of the table among the words of an expression."""
        names, words = self._tables(table), words_of(expression)
        catalogs = (self.context.base, self.context.before, self.context.after)
        tables = [one for catalog in catalogs for key, one in catalog.tables.items() if bare(key) in names]
        known = {column.name.lower() for one in tables for column in one.columns}
        return sorted(words & known if tables and all(one.complete for one in tables) else words)

    def _old_column(self, table: str, column: str) -> str:
        """What old code calls the column; its own name when it is new."""
        for catalog in (self.context.before, self.context.after):
            now = catalog.table(table)
            known = None if now is None else self.context.base.table_by_uid(now.uid)
            current = None if now is None else now.column(column)
            old = None if known is None or current is None else known[1].column_by_uid(current.uid)
            if old is not None:
                return old.name
        return column

    def _sentence(self, table: str, column: str | None, why: str) -> str:
        code = self.context.old_code
        where = table if column is None else f"{table}.{column}"
        names = self._tables(table)
        if self._maps(table) if column is None else any(code.maps_column(name, column) for name in names):
            return f"Manifests do not tell all that is done with {where}: {why}."
        return f"Manifests do not map {where}, but {why}."


def _mapped(old_code: OldCode, catalogs: Iterable[Catalog]) -> Iterator[str]:
    """Every name of the tables and views that old code maps: by its manifests, and as they are called now."""
    mapped = {bare(name) for manifest in old_code.manifests for name in manifest.tables}
    yield from mapped
    uids = {table.uid for key, table in old_code.base.tables.items() if bare(key) in mapped}
    for catalog in catalogs:
        for key, table in catalog.tables.items():
            if table.uid in uids:
                yield bare(key)


def _foreign_keys(catalog: Catalog) -> Iterator[tuple[str, ForeignKey]]:
    for child, table in catalog.tables.items():
        for foreign_key in table.foreign_keys:
            yield child, foreign_key
