"""Recorded statements for tests: parse, apply, wrap, as a replay would."""

from dataclasses import replace

from zdmigrate.flavour import Flavour
from zdmigrate.history.apply import Refused, apply, reveal
from zdmigrate.history.catalog import Catalog, difference
from zdmigrate.history.charsets import empty_catalog
from zdmigrate.history.recording import RecordedStatement, Refusal, SessionState
from zdmigrate.history.statements import parse
from zdmigrate.history.syntax import SetVariable


def catalog_of(sql: str, target: Flavour, *, complete: bool = True) -> Catalog:
    """The catalog after all statements of `sql`, on an empty schema."""
    catalog = empty_catalog(target, complete=complete)
    if complete:
        # The probes' databases are utf8mb4 with each server's default collation.
        catalog = replace(catalog, charset="utf8mb4")
    for statement in parse(sql, mariadb=target.is_mariadb):
        catalog = apply(statement, catalog, SessionState(), target)
    return catalog


def record(sql: str, before: Catalog, target: Flavour, *, session: str = "") -> RecordedStatement:
    """One statement as a replay records it; `session` holds SET statements that ran before."""
    state = SessionState()
    for statement in parse(session, mariadb=target.is_mariadb):
        if isinstance(statement.node, SetVariable):
            state = state.with_variable(statement.node.name, statement.node.value)
    (statement,) = parse(sql, mariadb=target.is_mariadb)
    before = reveal(statement, before, target)
    refusal = None
    try:
        after = apply(statement, before, state, target)
    except Refused as refused:
        after, refusal = before, Refusal(refused.errno, str(refused))
    return RecordedStatement(
        index=0,
        statement=statement,
        source="op.execute",
        path="versions/ab12_x.py",
        line=7,
        before=before,
        after=after,
        delta=difference(before, after),
        session=state,
        refusal=refusal,
    )
