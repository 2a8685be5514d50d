"""The commands of docs/prove.md on the example shop print what the page shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.servers import Server
from zdmigrate.cli import main

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"```console\n\$ zdmigrate (prove [^\n]*examples/[^\n]*)\n(.*?)```", re.DOTALL)
_EXAMPLES = _BLOCK.findall((ROOT / "docs" / "prove.md").read_text(encoding="utf-8"))


def test_the_page_has_examples() -> None:
    assert len(_EXAMPLES) == 3


@pytest.mark.parametrize(
    ("command", "shown", "code"),
    [(*example, code) for example, code in zip(_EXAMPLES, (1, 0, 0), strict=False)],
    ids=["unsafe", "safe", "new code"],
)
def test_an_example(command: str, shown: str, code: int, mysql_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of this run stands in for the container; which one it is stands in the first line only."""
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(main, [*shlex.split(command), "--server", mysql_server.url()])
    assert result.exit_code == code, result.output
    lines = [line for line in shown.splitlines() if not line.startswith("Proof on ") and line.strip() not in ("…", "")]
    printed = iter(result.stdout.splitlines())
    for line in lines:
        assert line in printed, f"not printed, or not in this order: {line}"
