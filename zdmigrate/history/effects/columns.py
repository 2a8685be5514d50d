"""ALTER and CREATE TABLE: what the actions do to columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from zdmigrate.history.catalog import Column, ColumnType, Default, new_uid
from zdmigrate.history.charsets import (
    LOB_TYPES,
    SPATIAL_TYPES,
    bytes_per_character,
    convert,
    default_collation,
    resolve,
    settle_type,
)
from zdmigrate.history.effects.column_defaults import wrong_default
from zdmigrate.history.effects.column_limits import most_bytes, wrong_type
from zdmigrate.history.effects.draft import Draft
from zdmigrate.history.effects.refusals import refused
from zdmigrate.history.sql.column_names import names_in, plain, rename_in
from zdmigrate.history.syntax import (
    AddColumn,
    AlterAction,
    ConvertCharset,
    DropColumn,
    DropColumnDefault,
    ModifyColumn,
    Position,
    RenameColumn,
    SetColumnDefault,
    SetColumnVisibility,
)

_NO_LITERAL_DEFAULT = LOB_TYPES | SPATIAL_TYPES | {"json"}


def change_columns(draft: Draft, actions: Sequence[AlterAction]) -> None:
    """Carry out every action on columns, as a server does: against the old table, drops before adds.

    Raises:
        Refused: as the server would.
    """
    table = draft.old.name
    drops: dict[str, DropColumn] = {}
    modifies: dict[str, ModifyColumn] = {}
    alters: dict[str, list[AlterAction]] = {}
    for action in actions:
        if isinstance(action, DropColumn):
            if action.name.lower() in drops:
                draft.miss(action, "COLUMN", action.name)
            drops[action.name.lower()] = action
        elif isinstance(action, ModifyColumn):
            if action.old_name.lower() in modifies:
                raise refused(1054, name=action.old_name, table=table)
            modifies[action.old_name.lower()] = action
        elif isinstance(action, RenameColumn):
            alters.setdefault(action.old.lower(), []).append(action)
        elif isinstance(action, SetColumnDefault | DropColumnDefault | SetColumnVisibility):
            alters.setdefault(action.name.lower(), []).append(action)

    moved: list[tuple[Position, Column, str]] = []
    kept: list[Column] = []
    for column in draft.columns:
        name = column.name.lower()
        if drops.pop(name, None) is not None:
            draft.dropped.add(name)
            continue
        modify = modifies.pop(name, None)
        pending = alters.pop(name, [])
        if modify is not None and draft.flavour.is_mariadb:
            pending = [step for step in pending if isinstance(step, RenameColumn)]
        if len(pending) > (1 if modify is None else 0):
            raise refused(1054, name=column.name, table=table)
        if modify is not None:
            after = replace(settle(draft, modify.column), uid=column.uid)
        else:
            after = column
            for step in pending:
                after = _altered(draft, after, step)
        if after.name.lower() != name:
            draft.renames[name] = after.name
        if modify is not None and modify.position is not None:
            moved.append((modify.position, after, name))
        else:
            kept.append(after)
    for missing in drops.values():
        draft.miss(missing, "COLUMN", missing.name)
    arriving = {action.column.name.lower() for action in actions if isinstance(action, AddColumn)}
    for name, missed in modifies.items():
        # MariaDB modifies a column that the same statement adds.
        if not draft.flavour.is_mariadb or name not in arriving:
            raise refused(1054, name=missed.old_name, table=table)
    for wanted, steps in alters.items():
        raise refused(1054, name=steps[0].old if isinstance(steps[0], RenameColumn) else wanted, table=table)

    _propagate(draft, kept)
    _convert(draft, kept, actions)
    draft.columns = kept
    by_old_name = {name: (position, column) for position, column, name in moved}
    for action in actions:
        if isinstance(action, AddColumn):
            fresh = replace(settle(draft, action.column), uid=new_uid())
            _insert(draft, fresh, action.position)
        elif isinstance(action, ModifyColumn) and action.old_name.lower() in by_old_name:
            position, column = by_old_name.pop(action.old_name.lower())
            _insert(draft, column, position)
        elif isinstance(action, ModifyColumn) and action.old_name.lower() in modifies:
            _modify_added(draft, action)
    if not draft.columns and draft.old.complete:
        raise refused(1113 if draft.creating else 1090)


def fold_json(action: AlterAction) -> AlterAction:
    """MariaDB writes JSON out as LONGTEXT with a check on json_valid(); here it is JSON again."""
    if not isinstance(action, AddColumn | ModifyColumn):
        return action
    column = action.column
    if column.type.name != "longtext" or column.type.collation != "utf8mb4_bin":
        return action
    wanted = f"json_valid({column.name.lower()})"
    checks = tuple(c for c in action.checks if re.sub(r"[`\s]", "", c.expression.lower()).strip("()") != wanted[:-1])
    if len(checks) == len(action.checks):
        return action
    return replace(action, column=replace(column, type=ColumnType("json")), checks=checks)


def settle(draft: Draft, column: Column) -> Column:
    """A definition with everything resolved that it inherits from the table."""
    column = replace(column, type=settle_type(column.type, (draft.charset, draft.collation), draft.flavour))
    if column.auto_increment:
        column = replace(column, nullable=False)
    if column.default is not None:
        column = replace(column, default=_stored(column.default, column.type.name))
    if column.default is not None and column.default.kind == "expression":
        column = replace(column, default=replace(column.default, text=plain(column.default.text)))
    if column.generated is not None:
        column = replace(column, generated=replace(column.generated, expression=plain(column.generated.expression)))
    if (
        column.default is not None
        and column.default.kind == "literal"
        and not draft.flavour.is_mariadb
        and column.type.name in _NO_LITERAL_DEFAULT
    ):
        if draft.session.strict or column.default.text:
            raise refused(1101, name=column.name)
        column = replace(column, default=None)
    if column.type.name == "timestamp":
        column = _implicit_timestamp(draft, column)
    _check_definition(draft, column)
    return column


def _check_definition(draft: Draft, column: Column) -> None:
    wrong = wrong_type(column, draft.flavour) or wrong_default(column, draft.flavour, draft.session.sql_mode)
    if wrong is not None and draft.session.strict:
        raise wrong


def _stored(default: Default, type_name: str) -> Default:
    """A literal as its column keeps it: BIT takes a string for its bytes, and YEAR knows '0' (2000) from 0 (0000).

    Source: MySQL manual, 13.1.5 and 13.2.4; run on MySQL 9.7.4 and MariaDB 10.11.19.
    """
    if default.kind != "literal":
        return default
    if type_name == "bit" and default.quoted:
        return Default(str(int.from_bytes(default.text.encode(), "big")))
    if type_name == "year" and default.text.isdecimal() and len(default.text) < 3:
        number = int(default.text)
        if not number and not default.quoted:
            return Default("0000")
        return Default(str(number + (2000 if number < 70 else 1900)))
    return default


def _implicit_timestamp(draft: Draft, column: Column) -> Column:
    """What a bare TIMESTAMP means where explicit_defaults_for_timestamp is off."""
    setting = dict(draft.session.variables).get("explicit_defaults_for_timestamp", "").upper()
    explicit = draft.flavour.at_least(10, 10) if draft.flavour.is_mariadb else draft.flavour.at_least(8, 0)
    if setting:
        explicit = setting in ("1", "ON", "TRUE")
    if explicit or column.explicit_null or column.generated is not None:
        return column
    if not column.nullable and (column.default is not None or column.on_update is not None):
        return column
    column = replace(column, nullable=False)
    if column.default is not None or column.on_update is not None:
        return column
    first = not any(other.type.name == "timestamp" for other in draft.columns if other.uid != column.uid)
    if first:
        precision = str(column.type.args[0]) if column.type.args else ""
        now = f"CURRENT_TIMESTAMP({precision})" if precision else "CURRENT_TIMESTAMP"
        return replace(column, default=Default(precision, "now"), on_update=now)
    return replace(column, default=Default("0000-00-00 00:00:00"))


def _altered(draft: Draft, column: Column, step: AlterAction) -> Column:
    match step:
        case RenameColumn(_, new):
            return replace(column, name=new)
        case SetColumnDefault(_, default):
            if default is None and not column.nullable and draft.session.strict:
                raise refused(1067, name=column.name)
            changed = replace(column, default=_stored(default, column.type.name) if default is not None else None)
            if (
                default is not None
                and default.kind == "literal"
                and column.type.name in _NO_LITERAL_DEFAULT
                and not draft.flavour.is_mariadb
            ):
                raise refused(1101, name=column.name)
            _check_definition(draft, changed)
            return changed
        case DropColumnDefault():
            return replace(column, default=None)
        case SetColumnVisibility(_, visible):
            return replace(column, invisible=not visible)
        case _:
            return column


def _propagate(draft: Draft, columns: list[Column]) -> None:
    """Generated expressions that use a dropped or renamed column: MySQL refuses, MariaDB renames."""
    for index, column in enumerate(columns):
        expressions = []
        if column.generated is not None:
            expressions.append(column.generated.expression)
        if column.default is not None and column.default.kind == "expression":
            expressions.append(column.default.text)
        for expression in expressions:
            used = names_in(expression)
            lost = sorted(used & draft.dropped)
            was = draft.old.column_by_uid(column.uid)
            restated = was is None or (was.generated, was.default) != (column.generated, column.default)
            moved = [] if restated else sorted(used & draft.renames.keys())
            if lost and draft.flavour.is_mariadb:
                raise refused(1054, name=lost[0], table="GENERATED ALWAYS AS" if column.generated else "DEFAULT")
            if (lost or moved) and not draft.flavour.is_mariadb and column.generated is not None:
                raise refused(3108, name=(lost or moved)[0])
            if moved and draft.flavour.is_mariadb:
                columns[index] = column = _renamed_inside(column, draft.renames)


def _renamed_inside(column: Column, renames: dict[str, str]) -> Column:
    if column.generated is not None:
        expression = rename_in(column.generated.expression, renames)
        column = replace(column, generated=replace(column.generated, expression=expression))
    if column.default is not None and column.default.kind == "expression":
        column = replace(column, default=replace(column.default, text=rename_in(column.default.text, renames)))
    return column


def _convert(draft: Draft, columns: list[Column], actions: Sequence[AlterAction]) -> None:
    for action in actions:
        if not isinstance(action, ConvertCharset):
            continue
        schema = (draft.catalog.charset, draft.catalog.collation)
        charset, collation = resolve(action.charset, action.collation, schema, draft.flavour)
        charset = charset or schema[0]
        collation = collation or default_collation(charset, draft.flavour)
        for index, column in enumerate(columns):
            most = most_bytes(draft.flavour) // bytes_per_character(charset)
            if column.type.name == "varchar" and column.type.args[:1] > (most,) and draft.session.strict:
                raise refused(1074, name=column.name, most=str(most))
            columns[index] = convert(column, charset, collation)


def _modify_added(draft: Draft, action: ModifyColumn) -> None:
    fresh = draft.column(action.old_name)
    if fresh is None:
        raise refused(1054, name=action.old_name, table=draft.old.name)
    place = draft.columns.index(fresh)
    changed = replace(settle(draft, action.column), uid=fresh.uid)
    if action.position is None:
        draft.columns[place] = changed
    else:
        del draft.columns[place]
        _insert(draft, changed, action.position)


def _insert(draft: Draft, column: Column, position: Position | None) -> None:
    if position is None:
        draft.columns.append(column)
    elif position.after is None:
        draft.columns.insert(0, column)
    else:
        wanted = position.after.lower()
        for index, other in enumerate(draft.columns):
            if other.name.lower() == wanted:
                draft.columns.insert(index + 1, column)
                return
        raise refused(1054, name=position.after, table=draft.old.name)


def check_duplicates(draft: Draft) -> None:
    """No two columns of one name."""
    seen: set[str] = set()
    for column in draft.columns:
        if column.name.lower() in seen:
            raise refused(1060, name=column.name)
        seen.add(column.name.lower())
