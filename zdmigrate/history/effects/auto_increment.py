"""What may not be computed from an AUTO_INCREMENT column: its value is not known yet when a row is checked.

Source: run on MySQL 9.7.4 and MariaDB 10.11.19 (tests/history/test_apply_limits.py asks both again).
"""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Table
from zdmigrate.history.effects.refusals import Refused, refused
from zdmigrate.history.sql.column_names import names_in


def refers_to_counter(old: Table, new: Table, flavour: Flavour) -> Refused | None:
    """The refusal of an expression over an AUTO_INCREMENT column that was not there before, or None."""
    before = {refusal.message for refusal in _expressions(old, flavour)}
    return next((refusal for refusal in _expressions(new, flavour) if refusal.message not in before), None)


def _expressions(table: Table, flavour: Flavour) -> Iterator[Refused]:
    counter = next((column for column in table.columns if column.auto_increment), None)
    if counter is None:
        return
    name = counter.name.lower()
    for column in table.columns:
        generated, default = column.generated, column.default
        if generated is not None and name in names_in(generated.expression):
            if not flavour.is_mariadb:
                yield refused(3109, name=column.name)
            elif generated.stored:
                yield refused(1901, clause="GENERATED ALWAYS AS", name=counter.name)
        if default is not None and default.kind == "expression" and name in names_in(default.text):
            if flavour.is_mariadb:
                yield refused(1901, clause="DEFAULT", name=counter.name)
            else:
                yield refused(3768, name=column.name)
    for check in table.checks:
        if name in names_in(check.expression):
            if flavour.is_mariadb:
                yield refused(1901, clause="CHECK", name=counter.name)
            else:
                yield refused(3818, name=check.name)
