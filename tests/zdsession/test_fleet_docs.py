"""The examples of ``docs/fleet.md`` run, and it names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zdsession.cli_fleet import barriers, drain, forget, nodes, undrain
from zdsession.manifest import Manifest

TEXT = Path(__file__).parents[2].joinpath("docs/fleet.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("code", EXAMPLES, ids=["app", "contract"])
def test_examples_run(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("manifest.json").write_bytes(Manifest("1.4.0", (), {}).to_json())
    names: dict[str, object] = {"__name__": "docs"}
    exec(compile(code, "docs/fleet.md", "exec"), names)
    if "reasons" in names:
        assert "the fleet is empty" in str(names["reasons"])


def test_commands_and_their_options_are_documented() -> None:
    for command in (nodes, drain, undrain, forget, barriers):
        assert f"zdsession {command.name}" in TEXT
    for option in ("--min", "--quiet", "--max", "--new-sessions", "--json", "--all", "--lift"):
        assert option in TEXT
