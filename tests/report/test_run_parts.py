"""What a release ran on the database, read back from the reports it left."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.report.run_records import release_record, run_record
from zdmigrate.report import run_json
from zdmigrate.report.run_document import document
from zdmigrate.report.run_parts import read_parts


def write(folder: Path, phase: str, minute: int) -> None:
    began = datetime(2026, 3, 1, 12, minute, tzinfo=UTC)
    (folder / phase).mkdir(exist_ok=True)
    text = run_json.render(document(run_record(run=f"{phase}{minute}", began=began)))
    (folder / phase / f"{minute}.json").write_text(text)


def test_in_the_order_they_began_seconds_from_the_release(tmp_path: Path) -> None:
    write(tmp_path, "migrate", 9)
    write(tmp_path, "expand", 1)
    write(tmp_path, "migrate", 4)
    parts = read_parts(tmp_path, datetime(2026, 3, 1, 12, 3, tzinfo=UTC))
    assert [(part.phase, part.start, part.report.run.id) for part in parts] == [
        ("expand", -120.0, "expand1"),
        ("migrate", 60.0, "migrate4"),
        ("migrate", 360.0, "migrate9"),
    ]
    whole = document(release_record(), parts)
    assert run_json.read(run_json.render(whole)) == whole


def test_one_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "expand", 1)
    (tmp_path / "expand" / "0.json").write_text('{"schema_version": 1}')
    (tmp_path / "expand" / "2.json").write_bytes(b"\xff")
    (tmp_path / "expand" / "3.json").mkdir()
    (tmp_path / "expand" / "4.json").write_text(
        (tmp_path / "expand" / "1.json").read_text().replace("2026-03-01T12:01", "yesterday")
    )
    (tmp_path / "expand" / "1.html").write_text("")
    assert len(read_parts(tmp_path, datetime(2026, 3, 1, tzinfo=UTC))) == 1
    assert read_parts(tmp_path / "nowhere", datetime(2026, 3, 1, tzinfo=UTC)) == ()
