"""The plan as a value: verdicts, phases and counts over real histories, without a command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.apps import ADD_AGE, ADD_REQUIRED, ALLOW_NULL, BROKEN, CREATE_USERS, DROP_NICK, App
from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.recording import RecordedHistory
from zdmigrate.plan import Proof, TableSize, make_plan, with_changes
from zdmigrate.report import json
from zdmigrate.verdict.model import Phase, Verdict

MYSQL = Flavour.parse("mysql:8.4")
HEAVY = 'op.execute("ALTER TABLE users MODIFY id BIGINT NOT NULL AUTO_INCREMENT")'


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


def _history(app: App) -> RecordedHistory:
    """What `App.made` replayed."""
    recorded = tuple(item.recorded for item in app.made(from_=None).revisions)
    return RecordedHistory(recorded, recorded[0].before, (recorded[-1].revision,))


def _base(history: RecordedHistory, revision: str) -> Catalog:
    found = history.revision(revision)
    assert found is not None
    return found.after


def test_only_what_is_pending_is_judged_in_the_order_it_runs(app: App) -> None:
    app.users(ADD_AGE)
    app.revision("cccc3", DROP_NICK, down="bbbb2")
    history = _history(app)
    plan = make_plan(history, ["cccc3", "bbbb2"], target=MYSQL)
    assert [item.revision for item in plan.revisions] == ["bbbb2", "cccc3"]
    assert make_plan(history, [], target=MYSQL).revisions == ()
    assert make_plan(history, ["unknown"], target=MYSQL).revisions == ()


def test_with_a_base_everything_pending_is_one_release(app: App) -> None:
    app.revision("aaaa1", CREATE_USERS)
    app.revision("bbbb2", ADD_AGE, down="aaaa1")
    app.revision("cccc3", 'op.drop_column("users", "age")', down="bbbb2")
    history = _history(app)
    pending = ["bbbb2", "cccc3"]
    alone = make_plan(history, pending, target=MYSQL)
    assert [item.verdict for item in alone.revisions] == [Verdict.SAFE, Verdict.UNSAFE]
    release = make_plan(history, pending, target=MYSQL, deployed=["aaaa1"], base=_base(history, "aaaa1"))
    assert [item.verdict for item in release.revisions] == [Verdict.SAFE, Verdict.SAFE], "no old code knew the column"


REQUIRE_AGE = 'op.alter_column("users", "age", existing_type=sa.Integer, nullable=False)'


def test_a_column_may_be_required_by_a_later_revision_than_the_one_that_adds_it(app: App) -> None:
    app.users(ADD_AGE)
    app.revision("cccc3", REQUIRE_AGE, down="bbbb2")
    added, required = app.made().revisions
    assert (added.verdict, added.phase) == (Verdict.SAFE, Phase.EXPAND)
    assert (required.verdict, required.phase) == (Verdict.UNSAFE, Phase.CONTRACT)
    said = required.changes[0].open_findings[0]
    assert said.rule == "ZD203"
    assert "SELECT 1 FROM users WHERE age IS NULL" in said.reason.replace("`", "")
    assert said.remedy.startswith("1. deploy: ")


def test_one_revision_cannot_hold_both(app: App) -> None:
    app.users(ADD_AGE, REQUIRE_AGE)
    (both,) = app.made().revisions
    assert (both.verdict, both.phase) == (Verdict.UNSAFE, Phase.SPLIT)


def test_a_table_of_the_same_release_is_free(app: App) -> None:
    app.users('op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))')
    app.revision("cccc3", 'op.add_column("t", sa.Column("n", sa.Integer, nullable=False))', down="bbbb2")
    app.revision("dddd4", 'op.drop_table("t")', down="cccc3")
    assert {item.verdict for item in app.made().revisions} == {Verdict.SAFE}


@pytest.mark.parametrize(
    ("upgrade", "verdict", "phase"),
    [
        ([ADD_AGE], Verdict.SAFE, Phase.EXPAND),
        ([DROP_NICK], Verdict.UNSAFE, Phase.CONTRACT),
        ([ADD_REQUIRED], Verdict.UNSAFE, Phase.SPLIT),
        ([ADD_AGE, DROP_NICK], Verdict.UNSAFE, Phase.MIXED),
        ([ADD_REQUIRED, DROP_NICK], Verdict.UNSAFE, Phase.SPLIT),
        ([ALLOW_NULL, ADD_AGE], Verdict.CONDITIONAL, None),
        ([ADD_AGE, BROKEN], Verdict.UNKNOWN, Phase.EXPAND),
        ([DROP_NICK, BROKEN], Verdict.UNSAFE, Phase.CONTRACT),
        ([], Verdict.SAFE, Phase.NEUTRAL),
    ],
)
def test_a_revision_takes_its_worst(app: App, upgrade: list[str], verdict: Verdict, phase: Phase | None) -> None:
    app.users(*upgrade)
    (revision,) = app.made().revisions
    assert revision.verdict is verdict
    if phase is not None:
        assert revision.phase is phase


def test_a_data_dependent_revision_is_never_better_than_conditional(app: App) -> None:
    app.users(
        'for row in op.get_bind().execute(sa.text("SELECT id FROM users")).fetchall():',
        '    op.execute(sa.text("INSERT INTO users (name) VALUES (:n)").bindparams(n=str(row[0])))',
    )
    (revision,) = app.made().revisions
    assert revision.recorded.data_dependent
    assert revision.verdict >= Verdict.CONDITIONAL


def test_counts_and_phases(app: App) -> None:
    app.users(ADD_AGE, DROP_NICK)
    app.revision("cccc3", BROKEN, down="bbbb2")
    plan = app.made()
    assert plan.counts() == {"safe": 1, "conditional": 0, "unknown": 1, "unsafe": 1}
    assert plan.phases() == {"neutral": 1, "expand": 0, "migrate": 0, "contract": 0, "mixed": 1, "split": 0}


def test_a_waived_replay_error_no_longer_counts(app: App) -> None:
    app.users(BROKEN)
    plan = app.made()
    (revision,) = plan.revisions
    waived = replace(plan, revisions=(replace(revision, error_waived="seen"),))
    assert plan.counts()["unknown"] == 1
    assert waived.counts()["unknown"] == 0
    assert waived.revisions[0].error is None


def test_sizes_reach_the_strategy(app: App) -> None:
    app.users(HEAVY)
    history = _history(app)

    def strategy(size: TableSize | None, has_replica: bool | None = None) -> str:
        plan = make_plan(
            history,
            ["bbbb2"],
            target=MYSQL,
            sizes={"users": size} if size else None,
            has_replica=has_replica,
        )
        return plan.revisions[0].changes[0].strategy.name

    assert strategy(None) == "replica-first"
    assert strategy(TableSize(200, 16384)) == "direct"
    assert strategy(TableSize(10**8, 10**10)) == "replica-first"
    assert strategy(TableSize(10**8, 10**10), has_replica=False) == "refuse"


def test_a_met_condition_is_no_longer_open(app: App) -> None:
    app.users(ALLOW_NULL)
    change = app.made().revisions[0].changes[0]
    conditions = list(change.open_conditions)
    assert conditions
    for met, left in ((True, []), (False, conditions), (None, conditions)):
        proved = replace(change, proofs={condition: Proof(met, "asked") for condition in conditions})
        assert list(proved.open_conditions) == left


def test_a_waiver_takes_a_finding_and_its_conditions_away(app: App) -> None:
    app.users(ALLOW_NULL)
    change = app.made().revisions[0].changes[0]
    rules = {finding.rule: "seen" for finding in change.judgement.findings}
    waived = replace(change, waivers=rules)
    assert (change.verdict, waived.verdict) == (Verdict.CONDITIONAL, Verdict.SAFE)
    assert waived.open_findings == ()
    assert waived.open_conditions == ()
    assert waived.phase is Phase.NEUTRAL


def test_changes_are_replaced_by_id(app: App) -> None:
    app.users(ADD_AGE, DROP_NICK)
    plan = app.made()
    first, second = plan.revisions[0].changes
    assert (first.id, second.id) == ("bbbb2:0", "bbbb2:1")
    changed = with_changes(plan, {"bbbb2:1": replace(second, waivers={"ZD205": "seen"}), "other:0": first})
    assert changed.revisions[0].changes[0] is first
    assert changed.revisions[0].changes[1].waivers == {"ZD205": "seen"}


def test_a_history_replayed_twice_gives_the_same_document(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.users(
        ADD_AGE,
        ADD_REQUIRED,
        'rows = op.get_bind().execute(sa.text("SELECT id FROM users")).fetchall()',
        'for name in {"x", "y", "z"} if rows else ():',
        "    pass",
        'op.create_table("t", sa.Column("id", sa.Integer, sa.ForeignKey("users.id")), sa.Index(None, "id"))',
    )
    app.revision("cccc3", BROKEN, down="aaaa1")
    app.revision("dddd4", DROP_NICK, down=("bbbb2", "cccc3"))
    assert json.render(app.made()) == json.render(app.made())
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    documents = set()
    for seed in ("1", "2", "3"):  # the order of sets differs from process to process
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        out, err = app.process("plan", "--from", "aaaa1", "--format", "json").communicate(timeout=60)
        assert err == ""
        documents.add(out)
    assert documents == {json.render(app.made())}


def test_only_an_uncaught_refusal_is_unknown(app: App) -> None:
    app.users(
        "try:",
        '    op.drop_column("users", "nope")',
        "except sa.exc.DBAPIError:",
        "    pass",
        'op.drop_column("users", "neither")',
    )
    (revision,) = app.made().revisions
    assert [change.verdict for change in revision.changes] == [Verdict.SAFE, Verdict.UNKNOWN]
    assert revision.verdict is Verdict.UNKNOWN
