"""The JSON report: what is documented is what is written, and it can be read back."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from tests.report.run_records import run_record
from zdmigrate.report import run_json
from zdmigrate.report.run_document import document

DOCS = Path(__file__).parents[2] / "docs"


def test_it_is_read_back_as_it_was() -> None:
    text = run_json.render(document(run_record()))
    assert text.endswith("}\n")
    assert run_json.read(text) == document(run_record())
    assert json.loads(text)["schema_version"] == 1


def test_the_committed_schema_is_that_of_the_code() -> None:
    """`python -m scripts.run_report_sample` writes it."""
    assert json.loads((DOCS / "run-report.schema.json").read_text()) == json.loads(json.dumps(run_json.schema()))


def test_every_field_is_documented() -> None:
    page = (DOCS / "run-report.md").read_text()
    for name, item in run_json.schema()["$defs"].items():
        for field in item.get("properties", {}):
            assert f"`{field}`" in page, f"{name}.{field} is not in docs/run-report.md"


def test_another_document_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        run_json.read('{"schema_version": 1}')


def test_the_committed_sample_is_a_report() -> None:
    sample = run_json.read((DOCS / "samples" / "run-report.json").read_bytes())
    assert sample.run.outcome == "done"
    assert sample.blocked
    assert all(item.equal for item in sample.checksums)


def test_the_committed_sample_of_a_release_is_a_report() -> None:
    """`python -m scripts.release_report_sample` writes it: a release that was killed and went on."""
    path = DOCS / "samples" / "release-report.json"
    sample = run_json.read(path.read_bytes())
    assert (sample.run.kind, sample.run.outcome, sample.run.continued) == ("release", "done", True)
    assert "cut off" in {step.outcome for step in sample.earlier}
    assert [part.phase for part in sample.parts] == ["expand", "backfill", "migrate", "contract"]
    assert {(node.versions, node.rotation) for node in sample.app.after} == {(("2",), "in rotation")}
    assert all(there.stat().st_size < 100_000 for there in (path, path.with_suffix(".html")))


@pytest.mark.parametrize("name", sorted(path.name for path in (DOCS / "samples").glob("*.json")))
def test_every_committed_sample_can_be_read_and_names_no_folder_of_this_machine(name: str) -> None:
    text = (DOCS / "samples" / name).read_text()
    assert run_json.read(text).run.kind
    assert (DOCS / "samples" / name).with_suffix(".html").exists()
    assert not re.search(r'[ "](/tmp|/home|/root|/work)/', text)
