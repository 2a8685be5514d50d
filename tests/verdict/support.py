"""Short ways for tests of rules to say: this schema, this change, and what must be said of it."""

from __future__ import annotations

from collections.abc import Sequence

from zdmigrate.flavour import Flavour
from zdmigrate.history.apply import Refused, apply, reveal
from zdmigrate.history.catalog import Catalog, ColumnType, difference
from zdmigrate.history.charsets import empty_catalog
from zdmigrate.history.recording import RecordedStatement, Refusal, SessionState
from zdmigrate.history.statements import parse, parse_type
from zdmigrate.history.syntax import SetVariable
from zdmigrate.verdict.evidence import OldCode
from zdmigrate.verdict.judge import Judgement, judge
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rules import RULES
from zdsession.manifest import Manifest, MappedColumn, MappedTable

MYSQL = Flavour.parse("mysql:8.4")
MARIADB = Flavour.parse("mariadb:10.11")

#: A table to change, where a test needs no particular one.
USERS = (
    "CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL, nick VARCHAR(50), "
    "qty INT NOT NULL DEFAULT 0, status ENUM('new','done') NOT NULL DEFAULT 'new')"
)


def recorded(
    base: str, *statements: str, flavour: Flavour = MYSQL, complete: bool = True
) -> tuple[Catalog, list[RecordedStatement]]:
    """The schema `base` makes (several statements are fine), and `statements` as a replay would record them.

    With `complete=False` other tables may exist, whose definitions nobody saw.
    """
    catalog, session = empty_catalog(flavour, complete=complete), SessionState()
    for statement in parse(base, mariadb=flavour.is_mariadb):
        catalog = apply(statement, catalog, session, flavour)
    start = catalog
    found: list[RecordedStatement] = []
    for text in statements:
        for statement in parse(text, mariadb=flavour.is_mariadb):
            if isinstance(statement.node, SetVariable):
                session = session.with_variable(statement.node.name, statement.node.value)
            before, refusal = reveal(statement, catalog, flavour), None
            try:
                after = apply(statement, before, session, flavour)
            except Refused as error:
                after, refusal = before, Refusal(error.errno, error.message)
            found.append(
                RecordedStatement(
                    len(found),
                    statement,
                    "op.execute",
                    "versions/test.py",
                    1,
                    before,
                    after,
                    difference(before, after),
                    session,
                    refusal=refusal,
                )
            )
            catalog = after
    return start, found


def judged(
    base: str,
    *statements: str,
    flavour: Flavour = MYSQL,
    manifests: Sequence[Manifest] = (),
    complete: bool = True,
) -> list[Judgement]:
    """What is said of each of `statements`, run one after the other on the schema `base` makes."""
    start, found = recorded(base, *statements, flavour=flavour, complete=complete)

    def read_type(text: str) -> ColumnType:
        return parse_type(text, mariadb=flavour.is_mariadb)

    old_code = OldCode(start, tuple(manifests), read_type)
    nodes = tuple(item.statement.node for item in found)
    return [judge(item, start, old_code, flavour, RULES, nodes[place:]) for place, item in enumerate(found, 1)]


def manifest(version: str = "1.0", /, **tables: dict[str, MappedColumn | str]) -> Manifest:
    """A manifest that maps these tables; a column may be just its type (nullable when it ends in NULL alone)."""
    mapped = {}
    for name, columns in tables.items():
        mapped[name] = MappedTable(
            {
                column: MappedColumn(item.removesuffix(" NOT NULL"), nullable=not item.endswith(" NOT NULL"))
                if isinstance(item, str)
                else item
                for column, item in columns.items()
            }
        )
    return Manifest(version, ("head",), mapped)


def finding(judgement: Judgement, rule: str) -> Finding:
    """The one finding of that rule."""
    found = [item for item in judgement.findings if item.rule == rule]
    assert len(found) == 1, f"{rule} speaks {len(found)} times; said: {[item.rule for item in judgement.findings]}"
    return found[0]


def assert_safe(judgement: Judgement, *, phase: Phase | None = None) -> None:
    """Old code survives the statement."""
    _expect(judgement, Verdict.SAFE, phase)
    assert not judgement.conditions


def assert_unsafe(judgement: Judgement, *, phase: Phase | None = None) -> None:
    """Old code breaks."""
    _expect(judgement, Verdict.UNSAFE, phase)


def assert_unknown(judgement: Judgement, *, phase: Phase | None = None) -> None:
    """Nobody can tell."""
    _expect(judgement, Verdict.UNKNOWN, phase)


def assert_conditional(judgement: Judgement, *names: str, phase: Phase | None = None) -> tuple[Condition, ...]:
    """Old code survives under exactly these conditions, which are returned."""
    _expect(judgement, Verdict.CONDITIONAL, phase)
    assert {condition.name for condition in judgement.conditions} == set(names)
    for condition in judgement.conditions:
        assert condition.text.endswith(".")
        assert (condition.proof is not None) == (condition.kind == "data")
    return judgement.conditions


def _expect(judgement: Judgement, verdict: Verdict, phase: Phase | None) -> None:
    said = "\n".join(f"{item.rule} {item.old.value} {item.phase.value}: {item.reason}" for item in judgement.findings)
    assert judgement.old is verdict, f"{judgement.old.value}, not {verdict.value}:\n{said}"
    if phase is not None:
        assert judgement.phase is phase, f"{judgement.phase.value}, not {phase.value}:\n{said}"
