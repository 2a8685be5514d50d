"""The committed replication matrices are what replicating pairs do."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

import pytest

from scripts.replication_matrix.__main__ import main
from scripts.replication_matrix.cases import CASES, Case, Vendor, case
from scripts.replication_matrix.matrix import SUBJECTS, Subject, differences, measure, read, write
from scripts.replication_matrix.pair import Pair
from scripts.replication_matrix.runs import MODES, Mode, Way
from tests.servers import Kind, ServerUnavailableError

#: One case for each thing that may happen, those where the vendors differ among them.
TELLING = (1, 5, 13, 25, 29, 46, 54, 56, 59, 77, 160, 183)
#: What classes are made from: before a switchover with the settings they may ask for, and after it, held.
DECISIVE = tuple(
    one for one in MODES if one.way is not Way.LIVE and (one.row_image, one.binlog_format) == ("FULL", "ROW")
)


def _surprises(subject: Subject, pair: Pair, cases: Iterable[Case], modes: Sequence[Mode] = MODES) -> list[str]:
    committed = read(subject.path)
    return [
        f"{pair.vendor} {pair.version}, case {one.number}: {change}"
        for one in cases
        if one.runs_on(subject.vendor)
        for change in differences(committed[one.number], measure(pair, one, modes))
    ]


@pytest.mark.parametrize("vendor", get_args(Vendor))
def test_a_dozen_cases(vendor: Vendor) -> None:
    """On whichever version this machine has; the first subject of the vendor is what it should do."""
    subject = next(subject for subject in SUBJECTS if subject.vendor == vendor)
    with Pair(vendor) as pair:
        assert _surprises(subject, pair, map(case, TELLING), DECISIVE) == []


@pytest.mark.soak
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_every_case(subject: Subject) -> None:
    with Pair(subject.vendor, subject.version) as pair:
        assert _surprises(subject, pair, CASES) == []


class TestCommand:
    """`python -m scripts.replication_matrix` without servers."""

    def test_the_committed_classes_are_those_of_today(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--judge"]) == 0
        assert capsys.readouterr().err.count(" cases in ") == len(SUBJECTS)

    def test_a_class_that_changed(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = read(SUBJECTS[0].path)
        rows[13]["class"] = "D"
        monkeypatch.setattr("scripts.replication_matrix.matrix.FOLDER", tmp_path)
        write(SUBJECTS[0].path, rows)
        assert main(["mysql-9.7", "--judge"]) == 1
        assert "mysql-9.7, case 13: class: committed 'D', now 'B'" in capsys.readouterr().err
        assert main(["mysql-9.7", "--judge", "--write"]) == 0
        assert read(SUBJECTS[0].path)[13]["class"] == "B"

    def test_servers_that_are_not_there(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(kind: Kind, **_: object) -> None:
            raise ServerUnavailableError(kind, "not prepared")

        monkeypatch.setattr("scripts.replication_matrix.pair.open_replicas", refuse)
        assert main(["mariadb-11.8", "--case", "1"]) == 2
        assert "mariadb-11.8: no mariadb server: not prepared" in capsys.readouterr().err

    def test_an_unknown_server(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as stopped:
            main(["oracle-23"])
        assert stopped.value.code == 2
        assert "it may be mysql-9.7, mariadb-10.11, mariadb-11.8" in capsys.readouterr().err

    def test_an_unknown_case(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as stopped:
            main(["--case", "999"])
        assert stopped.value.code == 2
        assert "no case 999" in capsys.readouterr().err
