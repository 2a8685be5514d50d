"""A scene for rule tests: a base schema in SQL, a release in SQL, and what the rules here say of its last statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zdmigrate.flavour import Flavour
from zdmigrate.history.apply import Refused, apply, reveal
from zdmigrate.history.catalog import Catalog, difference
from zdmigrate.history.charsets import empty_catalog
from zdmigrate.history.recording import RecordedStatement, Refusal, SessionState
from zdmigrate.history.statements import parse, parse_type
from zdmigrate.history.syntax import SetVariable, Statement
from zdmigrate.verdict.evidence import OldCode
from zdmigrate.verdict.judge import Judgement, judge
from zdmigrate.verdict.model import Finding
from zdmigrate.verdict.rule import Rule
from zdmigrate.verdict.rules.data import DATA_RULES
from zdmigrate.verdict.rules.keys import KEY_RULES
from zdmigrate.verdict.rules.routines import ROUTINE_RULES
from zdmigrate.verdict.rules.unknown import UNKNOWN_RULES
from zdsession.manifest import Manifest, MappedColumn, MappedTable

MYSQL = Flavour.parse("mysql:8.4")
MARIADB = Flavour.parse("mariadb:10.11")
RULES: tuple[Rule, ...] = (*KEY_RULES, *DATA_RULES, *ROUTINE_RULES, *UNKNOWN_RULES)


def manifest(**tables: str) -> Manifest:
    """A manifest from `table="column TYPE, other TYPE NOT NULL"`."""
    return Manifest(
        "2.4.1",
        ("a1",),
        {table: MappedTable(dict(_mapped(text) for text in columns.split(", "))) for table, columns in tables.items()},
    )


def _mapped(text: str) -> tuple[str, MappedColumn]:
    name, _, rest = text.partition(" ")
    nullable = "NOT NULL" not in rest
    return name, MappedColumn(rest.replace("NOT NULL", "").strip() or "VARCHAR(50)", nullable=nullable)


def schema(sql: str, flavour: Flavour = MYSQL, *, complete: bool = True) -> Catalog:
    """The catalog that `sql` makes."""
    catalog = empty_catalog(flavour)
    for statement in parse(sql, mariadb=flavour.is_mariadb):
        catalog = apply(statement, catalog, SessionState(), flavour)
    return catalog if complete else replace(catalog, complete=False)


def judged(
    base: str | Catalog,
    *release: str,
    flavour: Flavour = MYSQL,
    manifests: Sequence[Manifest] = (),
    rules: Sequence[Rule] = RULES,
    complete: bool = True,
) -> Judgement:
    """What `rules` say of the last statement of a release on `base`."""
    start = schema(base, flavour, complete=complete) if isinstance(base, str) else base
    old_code = OldCode(start, tuple(manifests), parse_type)
    catalog, session, judgement = start, SessionState(), None
    for sql in release:
        for statement in parse(sql, mariadb=flavour.is_mariadb):
            recorded = _recorded(statement, catalog, session, flavour)
            judgement = judge(recorded, start, old_code, flavour, rules)
            catalog = recorded.after
            if isinstance(statement.node, SetVariable):
                session = session.with_variable(statement.node.name, statement.node.value)
    assert judgement is not None
    return judgement


def finding(
    base: str | Catalog,
    *release: str,
    rule: str,
    flavour: Flavour = MYSQL,
    manifests: Sequence[Manifest] = (),
    complete: bool = True,
) -> Finding:
    """The one finding of `rule` on the last statement; the rule must say exactly one thing."""
    found = judged(base, *release, flavour=flavour, manifests=manifests, complete=complete)
    ours = [item for item in found.findings if item.rule == rule]
    assert len(ours) == 1, [(item.rule, item.reason) for item in found.findings]
    return ours[0]


def names(finding: Finding) -> list[str]:
    """The names of its conditions."""
    return [condition.name for condition in finding.conditions]


def _recorded(statement: Statement, catalog: Catalog, session: SessionState, flavour: Flavour) -> RecordedStatement:
    before = reveal(statement, catalog, flavour)
    refusal = None
    try:
        after = apply(statement, before, session, flavour)
    except Refused as error:
        after, refusal = before, Refusal(error.errno, error.message)
    return RecordedStatement(
        0,
        statement,
        "op.execute",
        "versions/x.py",
        1,
        before,
        after,
        difference(before, after),
        session,
        refusal=refusal,
    )
