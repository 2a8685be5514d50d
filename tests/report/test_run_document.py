"""What a report derives from the record of a run."""

from tests.report.run_records import run_record
from zdmigrate.report.run_document import Blocked, Checksum, Setting, document
from zdmigrate.run.record import StepRecord


def test_the_time_in_which_nobody_could_write_ends_with_the_promotion() -> None:
    (blocked,) = document(run_record()).blocked
    assert (blocked.start, blocked.ended) == (115.0, "promoted")
    assert blocked.milliseconds is not None
    assert round(blocked.milliseconds) == 110


def test_or_when_writes_were_let_on_again() -> None:
    steps = (
        StepRecord("freeze", "a", "failed", 2.0, 1.0, "lock wait"),
        StepRecord("freeze", "a", "undone", 3.5, 0.5),
    )
    assert document(run_record(steps=steps)).blocked == (Blocked(2.0, 2000.0, "let on again"),)


def test_or_nobody_knows() -> None:
    steps = (StepRecord("freeze", "a", "done", 2.0, 1.0), StepRecord("freeze", "a", "undo-failed", 3.0, 20.0, "away"))
    assert document(run_record(steps=steps)).blocked == (Blocked(2.0, None, ""),)


def test_there_and_back_are_two() -> None:
    once = tuple(step for step in run_record().steps if step.name in ("freeze", "promote"))
    again = tuple(StepRecord(step.name, step.node, step.outcome, step.start + 50, step.seconds) for step in once)
    assert [item.start for item in document(run_record(steps=once + again)).blocked] == [115.0, 165.0]


def test_comparisons() -> None:
    steps = (
        StepRecord("compare b", "b", "done", 1.0, 1.0, "equal: 3 rows"),
        StepRecord("compare b", "b", "failed", 1.0, 1.0, "b does not hold …: t differs where id in 1 to 9"),
        StepRecord("compare b", "b", "failed", 1.0, 1.0, "b did not answer"),
    )
    assert [item.equal for item in document(run_record(steps=steps)).checksums] == [True, False, None]
    assert document(run_record()).checksums[0] == Checksum("b", True, "equal: 5000000 rows of orders in 90 chunks")


def test_settings_are_told_with_what_they_were_set_to_and_whether_they_are_as_before() -> None:
    found = {item.name: item for item in document(run_record()).settings}
    assert found["replica_type_conversions"] == Setting(
        "b", "replica_type_conversions", "", ("ALL_SIGNED", ""), "", True
    )
    assert found["gone"].set_to == ()
    assert found["read_only"].restored is None
    changed = document(run_record(variables={"a": {"sql_mode": ("A", "B")}})).settings
    assert changed == (Setting("a", "sql_mode", "A", (), "B", False),)
