"""Names that no object of the catalog has, and that may be one's all the same.

A database that nobody saw may hold anything; the app's own may be written out before a name; and where
lower_case_table_names is not 0 (or with routines anywhere), `Users` and `users` are one.
"""

from __future__ import annotations

from collections.abc import Iterable

from zdmigrate.history.catalog import Catalog
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context

LEAVE_DATABASE_OUT = (
    "If that database is the app's own, leave it out of the name. Else have a person look what is there, and write a "
    "waiver."
)


def doubt(name: str, context: Context, slot: str = "tables", kind: str = "") -> str:
    """Why nobody can say that `name` is absent although the catalog has none; "" when that is sure, or it is known.

    Args:
        slot: "tables" (views are among them), "triggers" or "routines".
        kind: of routines, which kind.
    """
    known = {*_names(context.base, slot, kind), *_names(context.before, slot, kind)}
    if name in known:
        return ""
    schema, _, bare = name.rpartition(".")
    twins = sorted(item for item in known if item.rpartition(".")[2].lower() == bare.lower())
    same = [item for item in twins if item.rpartition(".")[0].lower() == schema.lower()]
    if same:
        return f"{name} and {same[0]} differ by case alone: where lower_case_table_names is not 0 they are one"
    if schema and any(item.rpartition(".")[0] == "" for item in twins):
        own = next(item for item in twins if "." not in item)
        return f"if {schema} is the database the app is connected to, {name} is {own}"
    if not schema and twins:
        return f"if the database the app is connected to is {twins[0].rpartition('.')[0]}, {name} is {twins[0]}"
    if schema and not _seen(schema, context.base):
        return f"nobody saw the database {schema}"
    return ""


def _names(catalog: Catalog, slot: str, kind: str) -> Iterable[str]:
    match slot:
        case "routines":
            return [item.name for item in catalog.routines.values() if item.kind == kind]
        case "triggers":
            return catalog.triggers
        case _:
            return (*catalog.tables, *catalog.views)


def _seen(schema: str, catalog: Catalog) -> bool:
    """Whether the schema old code was written for holds anything of that database."""
    slots = (catalog.tables, catalog.views, catalog.triggers, (item.name for item in catalog.routines.values()))
    return any(name.startswith(f"{schema}.") for slot in slots for name in slot)


def not_known(rule: str, reason: str, table: str | None = None) -> Finding:
    """The finding of a statement whose object may be there or not."""
    return Finding(
        rule, Verdict.UNKNOWN, Verdict.UNKNOWN, Phase.NEUTRAL, reason, remedy=LEAVE_DATABASE_OUT, table=table
    )
