"""Properties: another action never makes an ALTER cheaper; quoting and case mean nothing."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tests.verdict.cost.probes import TABLES, Probe, cost_of, probes
from tests.verdict.recording import catalog_of, record
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.cost import Cost, estimate
from zdmigrate.verdict.cost.model import ALGORITHMS, LOCKS
from zdmigrate.verdict.replication import classify

TARGETS = [
    Flavour.parse(text)
    for text in ("mysql:5.7", "mysql:8.0.20", "mysql:8.4", "mysql:9.7", "mariadb:10.6", "mariadb:10.11", "mariadb:11.8")
]
ACTIONS = sorted(
    {
        probe.clause
        for name in ("mysql_9_7_alter_probe", "mariadb_10_11_alter_probe")
        for probe in probes(name)
        if probe.table == "plain" and not probe.clause.startswith(("partition", "rename to", "convert", "alter index"))
    }
)
UNRELATED = ["add column unrelated_1 int", "add index unrelated_2 (k)", "alter column n set default 4", "comment='x'"]


def _dearness(cost: Cost) -> tuple[int, bool]:
    """Comparable: what is refused is dearest of all."""
    if cost.refusal is not None:
        return len(ALGORITHMS), True
    return ALGORITHMS.index(cost.algorithm), cost.rebuild


@given(st.sampled_from(ACTIONS), st.sampled_from(UNRELATED), st.sampled_from(TARGETS))
def test_an_unrelated_action_never_makes_it_cheaper(action: str, unrelated: str, target: Flavour) -> None:
    alone, both = cost_of("plain", action, target), cost_of("plain", f"{action}, {unrelated}", target)
    other = cost_of("plain", unrelated, target)
    assert _dearness(both) >= max(_dearness(alone), _dearness(other))
    if both.refusal is None:
        assert LOCKS.index(both.lock) >= LOCKS.index(alone.lock) or alone.algorithm == "INSTANT"


def _requoted(sql: str, style: str) -> str:
    """The statement with its identifiers quoted, or in another case."""

    def change(word: re.Match[str]) -> str:
        name = word[0]
        if style == "quoted":
            return f"`{name}`"
        return name.upper() if name != "t" else name

    columns = r"\b(?:id|a|b|c|d|e|k|n|s|tx|v|z|g|kd|dd|kd2|fk1|ck|i1)\b(?!['(])"
    parts = re.split(r"('[^']*')", sql)
    return "".join(part if part.startswith("'") else re.sub(columns, change, part) for part in parts)


@given(
    st.sampled_from([probe for probe in probes("mysql_9_7_more_probes") if "(" not in probe.clause]),
    st.sampled_from(["quoted", "upper"]),
    st.sampled_from(TARGETS[3:]),
)
def test_quoting_and_case_mean_nothing(probe: Probe, style: str, target: Flavour) -> None:
    before = catalog_of(TABLES[probe.table], target)
    plain = record(f"ALTER TABLE t {probe.clause}", before, target, session=probe.session)
    other = record(f"ALTER TABLE t {_requoted(probe.clause, style)}", before, target, session=probe.session)
    was, now = estimate(plain, target), estimate(other, target)
    assert (was.algorithm, was.lock, was.rebuild) == (now.algorithm, now.lock, now.rebuild)
    assert (was.refusal is None) == (now.refusal is None)
    assert classify(plain, target).cls == classify(other, target).cls
