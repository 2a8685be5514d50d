"""What the rules about keys, data, routines and the unknown say, apart from all other rules."""

from __future__ import annotations

from collections.abc import Sequence

from tests.verdict.support import MARIADB as MARIADB
from tests.verdict.support import MYSQL as MYSQL
from tests.verdict.support import manifest as manifest
from tests.verdict.support import recorded
from zdmigrate.flavour import Flavour
from zdmigrate.history.statements import parse_type
from zdmigrate.verdict.evidence import OldCode
from zdmigrate.verdict.judge import Judgement, judge, revision_phase
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Rule
from zdmigrate.verdict.rules.data import DATA_RULES
from zdmigrate.verdict.rules.keys import KEY_RULES
from zdmigrate.verdict.rules.routines import ROUTINE_RULES
from zdmigrate.verdict.rules.unknown import UNKNOWN_RULES
from zdsession.manifest import Manifest

RULES: tuple[Rule, ...] = (*KEY_RULES, *DATA_RULES, *ROUTINE_RULES, *UNKNOWN_RULES)

#: A parent, a child without a foreign key, and a lookup table.
SHOP = """
CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(50), name VARCHAR(50) NOT NULL,
  status ENUM('new','done') NOT NULL DEFAULT 'new', UNIQUE KEY uq_name (name), KEY ix_email (email));
CREATE TABLE orders (id INT PRIMARY KEY, user_id INT, price INT);
"""


def judged(
    base: str,
    *release: str,
    flavour: Flavour = MYSQL,
    manifests: Sequence[Manifest] = (),
    complete: bool = True,
) -> Judgement:
    """What these rules say of the last statement of `release`, run on the schema that `base` makes."""
    start, found = recorded(base, *release, flavour=flavour, complete=complete)
    return judge(found[-1], start, OldCode(start, tuple(manifests), parse_type), flavour, RULES)


def phase_of_revision(base: str, *revision: str) -> Phase:
    """The phase of a revision that sends these statements, by these rules alone."""
    start, found = recorded(base, *revision)
    old_code = OldCode(start)
    nodes = [item.statement.node for item in found]
    judgements = [
        judge(item, start, old_code, MYSQL, RULES, following=nodes[place + 1 :]) for place, item in enumerate(found)
    ]
    return revision_phase((judgement.phase, judgement.fits_either_side) for judgement in judgements)


def rules_that_speak(base: str, *release: str, flavour: Flavour = MYSQL, complete: bool = True) -> list[str]:
    """Ids of the rules here that say anything of the last statement, in order of id."""
    found = judged(base, *release, flavour=flavour, complete=complete).findings
    return sorted({item.rule for item in found} & {rule.id for rule in RULES})


def says(
    rule: str,
    base: str,
    *release: str,
    flavour: Flavour = MYSQL,
    manifests: Sequence[Manifest] = (),
    complete: bool = True,
) -> Finding:
    """The one finding of `rule` on the last statement."""
    found = judged(base, *release, flavour=flavour, manifests=manifests, complete=complete).findings
    ours = [item for item in found if item.rule == rule]
    assert len(ours) == 1, f"{rule} speaks {len(ours)} times; said: {[(item.rule, item.reason) for item in found]}"
    return ours[0]


def check(
    finding: Finding, old: Verdict, phase: Phase, *conditions: str, new: Verdict = Verdict.SAFE, text: str = ""
) -> None:
    """The finding's verdicts, phase and conditions, all of them well formed; `text` is in its reason."""
    assert (finding.old, finding.phase, finding.new) == (old, phase, new), finding.reason
    assert [condition.name for condition in finding.conditions] == list(conditions)
    assert (finding.old is Verdict.CONDITIONAL) == bool(finding.conditions)
    assert (finding.new is Verdict.CONDITIONAL) == bool(finding.new_conditions)
    for condition in (*finding.conditions, *finding.new_conditions):
        assert condition.text.endswith(".")
        assert (condition.proof is not None) == (condition.kind == "data")
        assert condition.proof is None or condition.proof.endswith("LIMIT 1")
    if finding.old is Verdict.UNSAFE:
        assert finding.remedy.startswith("1. ")
    assert finding.reason.endswith((".", ")"))
    assert text in finding.reason, finding.reason


SAFE, CONDITIONAL, UNSAFE, UNKNOWN = Verdict.SAFE, Verdict.CONDITIONAL, Verdict.UNSAFE, Verdict.UNKNOWN
NEUTRAL, EXPAND, MIGRATE, CONTRACT, SPLIT = (
    Phase.NEUTRAL,
    Phase.EXPAND,
    Phase.MIGRATE,
    Phase.CONTRACT,
    Phase.SPLIT,
)
