"""docs/release.md: the reference names every key the reader knows, and its files can be read."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from zdmigrate.cli import main
from zdmigrate.run.release.read import BALANCER_KEYS, KEYS, read_release

PAGE = (Path(__file__).parents[3] / "docs" / "release.md").read_text()


def reference() -> dict[str, set[str]]:
    """The keys of each table that the page names."""
    found: dict[str, set[str]] = {}
    table = ""
    for line in PAGE.partition("## Every key")[2].splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 4 or not cells[2].startswith("`"):
            continue
        table = cells[1].strip("`[]") or table
        found.setdefault(table, set()).update(re.findall(r"`(\w+)`", cells[2]))
    return found


def test_the_reference_names_every_key() -> None:
    assert reference() == {name: set(keys) for name, keys in KEYS.items()}
    assert set().union(*BALANCER_KEYS.values()) | {"kind"} == KEYS["balancer"]


def test_the_first_file_is_read(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "release.toml"
    path.write_text(blocks[0])
    spec = read_release(path)
    assert spec.phases.contract
    for block in blocks[1:]:  # other balancers, in place of the first
        whole = blocks[0]
        before, _, rest = whole.partition("[balancer]")
        path.write_text(before + block + rest[rest.index("[commands]") :])
        assert read_release(path).balancer.kind == tomllib.loads(block)["balancer"]["kind"]


@pytest.mark.parametrize(
    "option", [name for item in main.commands["release"].params for name in item.opts if "-" in name]
)
def test_options_are_told(option: str) -> None:
    assert option in PAGE
