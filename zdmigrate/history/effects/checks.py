"""ALTER and CREATE TABLE: what the actions do to CHECK constraints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zdmigrate.history.catalog import Check
from zdmigrate.history.effects.draft import Draft
from zdmigrate.history.effects.naming import MOST_NAME, check_names, check_pattern, highest, schema_of
from zdmigrate.history.effects.refusals import Refused, refused
from zdmigrate.history.sql.column_names import names_in, plain, rename_in
from zdmigrate.history.syntax import AddCheck, AddColumn, AlterAction, DropCheck, ModifyColumn, SetCheckEnforced


def keep_checks(draft: Draft, actions: Sequence[AlterAction]) -> None:
    """Keep the old checks that stay; columns must be settled already.

    Raises:
        Refused: as the server would.
    """
    _drop(draft, actions)
    _follow_columns(draft, actions)


def _drop(draft: Draft, actions: Sequence[AlterAction]) -> None:
    for action in actions:
        if not isinstance(action, DropCheck | SetCheckEnforced):
            continue
        wanted = action.name.lower()
        found = next((c for c in draft.checks if c.name.lower() == wanted and c.column is None), None)
        if found is None:
            if draft.flavour.is_mariadb:
                draft.miss(action, "CONSTRAINT", action.name)
                continue
            raise refused(3821, name=action.name)
        position = draft.checks.index(found)
        if isinstance(action, DropCheck):
            del draft.checks[position]
        else:
            draft.checks[position] = replace(found, enforced=action.enforced)


def _follow_columns(draft: Draft, actions: Sequence[AlterAction]) -> None:
    """Existing checks over dropped, renamed and (in MariaDB) restated columns."""
    restated = {action.old_name.lower() for action in actions if isinstance(action, ModifyColumn)}
    kept: list[Check] = []
    for check in draft.checks:
        if check.column is not None:
            if check.column.lower() in draft.dropped | restated:
                continue
            name = draft.renames.get(check.column.lower(), check.column)
            kept.append(replace(check, name=name, column=name, expression=rename_in(check.expression, draft.renames)))
            continue
        used = names_in(check.expression)
        old_columns = {column.name.lower() for column in draft.old.columns}
        lost = sorted(used & draft.dropped)
        moved = sorted(used & draft.renames.keys())
        if lost and not (used & old_columns) - draft.dropped:
            continue
        if lost and draft.flavour.is_mariadb:
            raise refused(1054, name=lost[0], table="CHECK")
        if (lost or moved) and not draft.flavour.is_mariadb:
            raise refused(3959, name=check.name, column=(lost or moved)[0])
        kept.append(replace(check, expression=rename_in(check.expression, draft.renames)) if moved else check)
    draft.checks = kept


def add_checks(draft: Draft, actions: Sequence[AlterAction]) -> None:
    """Name and add the checks of the actions (MySQL before 8.0.16 reads them and forgets them).

    Raises:
        Refused: as the server would.
    """
    if not draft.flavour.is_mariadb and not draft.flavour.at_least(8, 0, 16):
        return
    mariadb = draft.flavour.is_mariadb
    pattern = check_pattern(draft.key, draft.flavour)
    existing = [check.name for check in draft.checks]
    number = highest(pattern, existing if mariadb else [check.name for check in draft.old.checks])
    taken = set() if mariadb else check_names(draft.catalog, schema_of(draft.key), draft.key)
    taken |= {check.name.lower() for check in draft.checks if check.column is None}
    for check, column in _added(actions):
        if column is not None and mariadb:
            name = column
        elif check.name:
            name = check.name
        else:
            number += 1
            name = f"{pattern}{number}"
        if len(name) > MOST_NAME:
            raise refused(1059, name=name)
        level = column if mariadb else None
        if level is None:
            if name.lower() in taken:
                raise _duplicate(draft, name)
            taken.add(name.lower())
        draft.checks.append(replace(check, name=name, expression=plain(check.expression), column=level))


def _duplicate(draft: Draft, name: str) -> Refused:
    if draft.flavour.is_mariadb:
        return refused(1826, True, kind="CHECK", name=name)
    return refused(3822, name=name)


def _added(actions: Sequence[AlterAction]) -> list[tuple[Check, str | None]]:
    """(check, column whose definition it is written in)."""
    added: list[tuple[Check, str | None]] = []
    for action in actions:
        if isinstance(action, AddColumn | ModifyColumn):
            added.extend((check, action.column.name) for check in action.checks)
        elif isinstance(action, AddCheck):
            added.append((action.check, None))
    return added
