"""Judging one recorded statement: which differences it makes for old code, and what the rules say of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Catalog, Table
from zdmigrate.history.recording import RecordedStatement
from zdmigrate.history.syntax import AlterTable, CallRoutine
from zdmigrate.verdict.compare import actions_on_unseen_table, differences_of
from zdmigrate.verdict.differences import Difference
from zdmigrate.verdict.evidence import OldCode
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.reach import Reach
from zdmigrate.verdict.rule import Context, Rule


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of one statement.

    Attributes:
        findings: every rule's, worst first.
        old, new: worst verdict over the findings for old code on the new schema, and new code on the old schema.
        phase: where the statement belongs; SPLIT when its parts belong to different sides of a deploy.
    """

    findings: tuple[Finding, ...]
    old: Verdict
    new: Verdict
    phase: Phase

    @property
    def fits_either_side(self) -> bool:
        """Whether neither old nor new code notices it, so that it may run before the deploy or after it."""
        return fit_either_side(self.findings)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Conditions of the old-code verdict, each once."""
        return tuple(dict.fromkeys(condition for item in self.findings for condition in item.conditions))

    @property
    def new_conditions(self) -> tuple[Condition, ...]:
        """Conditions of the new-code verdict, each once."""
        return tuple(dict.fromkeys(condition for item in self.findings for condition in item.new_conditions))


def judge(
    recorded: RecordedStatement,
    base: Catalog,
    old_code: OldCode,
    target: Flavour,
    rules: Sequence[Rule],
    following: Sequence[object] = (),
    *,
    ends_revision: bool = False,
    began: Catalog | None = None,
) -> Judgement:
    """Judge one statement for code written for `base`; `following` are the nodes the same revision sends after it, and
    `began` is the schema with which that revision began.

    The subjects are the statement's own node and every difference it makes; each rule sees those it is `on`.
    """
    node = recorded.statement.node
    around = (base, recorded.before, recorded.after, old_code, target, recorded.session)
    context = Context(*around, node, tuple(following), ends_revision, began)
    subjects: list[object] = [recorded]
    if recorded.refusal is not None:
        pass  # the server does not carry it out: only the refusal is judged
    elif _unseen_table(recorded, base) is not None and isinstance(node, AlterTable):
        subjects += [node, *actions_on_unseen_table(node.name, node.actions, _honours_inline_references(target))]
    else:
        subjects.append(node)
        if isinstance(node, CallRoutine):
            subjects += node.carried_out or ()
        subjects.extend(differences_of(base, recorded.before, recorded.after, recorded.delta))
    by_type = _by_subject(tuple(rules))
    reach = Reach.of(context) if old_code.proven else None
    findings: list[Finding] = []
    for subject in subjects:
        said = _said(subject, by_type.get(type(subject), ()), context, reach)
        if not said and isinstance(subject, Difference):
            said = [_unjudged(type(subject).__name__)]
        findings.extend(said)
    if not findings and not recorded.delta.changes:
        findings.append(_unjudged(type(node).__name__))
    findings.sort(key=lambda item: item.old, reverse=True)
    return Judgement(
        tuple(findings),
        Verdict.worst(item.old for item in findings),
        Verdict.worst(item.new for item in findings),
        statement_phase(findings),
    )


def _said(subject: object, rules: Sequence[Rule], context: Context, reach: Reach | None) -> list[Finding]:
    """What the rules say of one subject.

    Where manifests prove nothing of it, as old code gets at it in another way, it is what they say without manifests.
    """
    proved = [list(rule.judge(subject, context)) for rule in rules]
    why = reach.way_in(subject) if reach is not None and rules else ""
    if not why:
        return [item for said in proved for item in said]
    unproved = replace(context, old_code=replace(context.old_code, manifests=()))
    found: list[Finding] = []
    for rule, said in zip(rules, proved, strict=True):
        found += _unproved(said, list(rule.judge(subject, unproved)), why)
    return found or [item for said in proved for item in said]


def _unproved(proved: list[Finding], plain: list[Finding], why: str) -> list[Finding]:
    """The `plain` findings, saying why manifests do not help; the `proved` ones where those are as bad or worse."""
    worst, worst_plain = (Verdict.worst(item.old for item in said) for said in (proved, plain))
    conditions, plain_conditions = ({one for item in said for one in item.conditions} for said in (proved, plain))
    alike = worst is worst_plain and plain_conditions <= conditions and _sides(proved) == _sides(plain)
    if worst > worst_plain or alike:
        return proved
    said = {(item.old, item.conditions) for item in proved}
    found = [item if (item.old, item.conditions) in said else _explained(item, why) for item in plain]
    more = [item for item in proved if not plain_conditions.issuperset(item.conditions)]
    return found + (more if worst is worst_plain else [])


def _explained(finding: Finding, why: str) -> Finding:
    remedy = [line for line in finding.remedy.splitlines() if not line.startswith("Prove it with")]
    return replace(finding, reason=f"{finding.reason} {why}", remedy="\n".join(remedy))


def _sides(findings: Iterable[Finding]) -> set[tuple[Verdict, Phase]]:
    return {(item.new, item.phase) for item in findings}


def statement_phase(findings: Iterable[Finding]) -> Phase:
    """The phase of one statement: two sides of a deploy at once make it SPLIT."""
    phase = _combined((item.phase, item.old is item.new is Verdict.SAFE) for item in findings)
    return Phase.SPLIT if phase is Phase.MIXED else phase


def fit_either_side(findings: Iterable[Finding]) -> bool:
    """Whether old and new code survive all of it, so that it may run before the deploy or after it."""
    return all(item.old is item.new is Verdict.SAFE for item in findings)


def revision_phase(statements: Iterable[tuple[Phase, bool]]) -> Phase:
    """The phase of a revision from (phase, fits either side) of its statements.

    Data movement goes with the schema change beside it (an expand revision may fill what it adds, a contract revision
    may clean what it tightens); expand and contract together make it MIXED; a SPLIT statement decides. What neither old
    nor new code notices (a plain index, a drop that manifests prove safe) fits either side, so it never makes a mix.
    """
    return _combined(statements)


def _combined(parts: Iterable[tuple[Phase, bool]]) -> Phase:
    found = [(phase, either) for phase, either in parts if phase is not Phase.NEUTRAL]
    bound = {phase for phase, either in found if not either}
    kinds = bound or {phase for phase, _ in found}
    if Phase.SPLIT in kinds:
        return Phase.SPLIT
    if {Phase.EXPAND, Phase.CONTRACT} <= bound:
        return Phase.MIXED
    return next((phase for phase in (Phase.CONTRACT, Phase.EXPAND, Phase.MIGRATE) if phase in kinds), Phase.NEUTRAL)


def _unjudged(kind: str) -> Finding:
    """What is said where no rule speaks: silence is never taken for safety."""
    return Finding(
        "ZD909",
        Verdict.UNKNOWN,
        Verdict.UNKNOWN,
        Phase.NEUTRAL,
        f"no rule of zdmigrate judges this kind of change ({kind})",
        "Have a person review it and add a waiver; please report it, so that a rule can be written.",
    )


def _honours_inline_references(target: Flavour) -> bool:
    """Whether REFERENCES inside a column definition makes a foreign key (MySQL ignores it before 9.0)."""
    return target.is_mariadb or target.at_least(9, 0)


def _unseen_table(recorded: RecordedStatement, base: Catalog) -> str | None:
    """The table an ALTER is about when we never saw its definition and old code may know it, else None."""
    node = recorded.statement.node
    if not isinstance(node, AlterTable):
        return None
    table: Table | None = recorded.before.table(node.name)
    if table is None:
        return node.name if not recorded.before.complete else None
    new = base.complete and base.table_by_uid(table.uid) is None and node.name not in base.tables
    return None if table.complete or new else node.name


@lru_cache(maxsize=8)
def _by_subject(rules: tuple[Rule, ...]) -> dict[type, tuple[Rule, ...]]:
    found: dict[type, list[Rule]] = {}
    for rule in rules:
        for subject in rule.on:
            found.setdefault(subject, []).append(rule)
    return {subject: tuple(items) for subject, items in found.items()}
