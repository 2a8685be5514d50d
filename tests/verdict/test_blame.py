"""Whom a change would break: each node by what its own code maps, and nobody for what no manifest could disprove."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.apps import ADD_REQUIRED, App
from tests.fleets import mapping
from zdmigrate.plan import Plan, judged_again
from zdmigrate.verdict.fleet_proof import FleetProof, LiveCode, mapped_by_all
from zdmigrate.verdict.model import Verdict
from zdsession.manifest import Manifest

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
TIGHTEN = 'op.alter_column("users", "nick", existing_type=sa.String(50), nullable=False)'
APPEND = (
    'op.alter_column("users", "state", existing_type=sa.Enum("a"), type_=sa.Enum("a", "b"), existing_nullable=True)'
)
CREATE = (
    'op.create_table("users", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(50)), '
    'sa.Column("nick", sa.String(50)), sa.Column("state", sa.Enum("a")))'
)
CHANGES = (
    'op.drop_column("users", "nick")',
    'op.drop_column("users", "name")',
    'op.drop_table("users")',
    'op.rename_table("users", "people")',
    'op.alter_column("users", "nick", existing_type=sa.String(50), new_column_name="handle")',
    'op.alter_column("users", "name", existing_type=sa.String(50), type_=sa.String(9))',
    'op.create_unique_constraint("one", "users", ["name"])',
    TIGHTEN,
    ADD_REQUIRED,
    APPEND,
)


def proof(*manifests: Manifest, gaps: tuple[str, ...] = ()) -> FleetProof:
    """A fleet with one node for each, `n0` and so on."""
    code = tuple(LiveCode(f"n{at}", item.version, "ready", item.digest, item) for at, item in enumerate(manifests))
    return FleetProof("redis://h/0", NOW, NOW, code, gaps)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Plan]]:
    """A plan for each of CHANGES."""
    with pytest.MonkeyPatch.context() as patch:
        app = App(tmp_path_factory.mktemp("app"), patch)
        made = []
        for change in CHANGES:
            app.revision("aaaa1", CREATE)
            app.revision("bbbb2", change, down="aaaa1")
            made.append(app.made())
        yield made


@pytest.mark.parametrize(
    ("change", "columns", "said"),
    [
        (0, "id nick?", "node n0 (version 1) maps users.nick as INT NULL (manifest "),
        (2, "id", "node n0 (version 1) maps users (manifest "),
        (7, "id nick?", "node n0 (version 1) maps users.nick as INT NULL (manifest "),
        (8, "id", "node n0 (version 1) maps users without qty (manifest "),
    ],
)
def test_a_blame_names_node_version_and_what_it_maps(plans: list[Plan], change: int, columns: str, said: str) -> None:
    judged = judged_again(plans[change], proof(mapping("1", users=columns), mapping("2", other="id")))
    (blame,) = judged.revisions[0].changes[0].blamed
    assert str(blame).startswith(said)


def test_code_that_maps_nothing_of_it_is_not_blamed_and_what_breaks_all_code_is_nobodys_fault(
    plans: list[Plan],
) -> None:
    harmless = judged_again(plans[0], proof(mapping("2", users="id name?")))
    assert harmless.revisions[0].changes[0].blamed == ()
    assert harmless.revisions[0].changes[0].verdict is Verdict.SAFE
    unique = judged_again(plans[6], proof(mapping("2", other="id"))).revisions[0].changes[0]
    assert unique.blamed == ()
    if unique.verdict is not Verdict.SAFE:
        assert unique.objection.startswith("no manifest proves it: ")


_columns = st.sets(st.sampled_from(["name?", "name", "nick?", "nick", "state?", "qty", "handle"]))
_manifests = st.builds(
    lambda table, columns, version: mapping(version, **{table: " ".join(("id", *sorted(columns)))}),
    st.sampled_from(["users", "other"]), _columns, st.sampled_from(["1", "2"]),
)  # fmt: skip


@given(st.integers(0, len(CHANGES) - 1), st.lists(_manifests, min_size=1, max_size=4))
def test_several_versions_are_as_bad_as_the_worst_of_them(
    plans: list[Plan], change: int, manifests: list[Manifest]
) -> None:
    """What allows blaming each node by itself: together they are never better or worse than one by one."""
    plan = plans[change]
    together = judged_again(plan, proof(*manifests)).revisions[0].changes[0]
    alone = [judged_again(plan, proof(item)).revisions[0].changes[0].verdict for item in manifests]
    assert together.verdict is Verdict.worst(alone)
    blamed = {item.code.node for item in together.blamed}
    for at, verdict in enumerate(alone):
        if f"n{at}" in blamed:
            assert verdict is not Verdict.SAFE


@given(st.lists(_manifests, max_size=3), st.lists(_manifests, max_size=3), st.booleans())
def test_a_gap_makes_every_manifest_worthless(given_: list[Manifest], live: list[Manifest], gap: bool) -> None:
    found = mapped_by_all(given_, proof(*live, gaps=("somebody is silent",) if gap else ()))
    assert {item.digest for item in found} == (set() if gap else {item.digest for item in (*given_, *live)})
    assert mapped_by_all(given_, None) == tuple(given_)


def test_the_quote_groups_nodes_by_version_and_says_their_state() -> None:
    one, two = mapping("1", users="id"), mapping("2", users="id name")
    code = (
        LiveCode("web1", "2", "ready", two.digest, two),
        LiveCode("web2", "2", "draining", two.digest, two),
        LiveCode("web3", "1", "lost", one.digest, one),
        LiveCode("web4", "", "lost", "", None),
    )
    said = FleetProof("redis://h/0", NOW, None, code, ()).quote()
    assert said == (
        "fleet redis://h/0 at 2026-11-21T09:30:00Z: "
        f"1 ({one.digest[:8]}) on web3 (lost); 2 ({two.digest[:8]}) on web1, web2 (draining); "
        "unknown version (no manifest) on web4 (lost)"
    )
    assert FleetProof("redis://h/0", NOW, None, (), ()).quote().endswith(": no node")
