"""The documentation builds into a site without a warning; its links lead somewhere, and it loads nothing from afar."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from zdmigrate.report.explain import titles

ROOT = Path(__file__).parents[1]


class Page(HTMLParser):
    """What a page of the site links to, loads, and can be linked at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors.add(given.get("id", ""))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.loads += [given[name] for name in ("src", "href") if name in given and tag != "a"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT / "scripts" / "build_docs", folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def build(script: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    more = {"PYTHON": sys.executable}
    return subprocess.run([script, folder], env={**os.environ, **more}, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Everything Sphinx made: its pages, and none of the files that were copied beside them."""
    copied = {path.relative_to(ROOT) for path in ROOT.glob("examples/**/*.html")}
    copied |= {path.relative_to(ROOT) for path in ROOT.glob("docs/samples/*.html")}
    return {path: Page(path) for path in site.rglob("*.html") if path.relative_to(site) not in copied}


def test_every_page_is_there(site: Path) -> None:
    for pattern in ("*.md", "docs/*.md", "docs/rules/*.md", "examples/*/README.md"):
        for page in ROOT.glob(pattern):
            made = site / page.relative_to(ROOT)
            assert made.with_suffix(".html").exists(), made
            assert made.read_bytes() == page.read_bytes()  # beside it, as llms.txt names it
    assert (site / "index.html").read_bytes() == (site / "README.html").read_bytes()


def test_links_lead_somewhere(pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file() or (target in pages and unquote(parts.fragment) not in pages[target].anchors):
                broken.append(f"{path.name}: {link}")
    assert broken == []


def test_names_in_llms_txt_are_there(site: Path) -> None:
    for name in re.findall(r"\]\(([^)]+)\)", (site / "llms.txt").read_text()):
        assert (site / name).is_file(), name


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        for name in page.loads:
            parts = urlsplit(name)
            assert not parts.netloc, (path, name)
            assert parts.scheme == "data" or not parts.path or (path.parent / unquote(parts.path)).is_file(), (
                path,
                name,
            )
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", path.read_text(encoding="utf-8")), path


def test_no_folder_of_this_machine_is_named(site: Path) -> None:
    here = [str(ROOT).encode(), str(site).encode(), str(Path.home() / ".cache").encode()]
    for path in site.rglob("*"):
        assert not (path.is_file() and any(name in path.read_bytes() for name in here)), path


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    for name in ("docs/conf.py", "docs/site.css", "scripts/build_docs", "pyproject.toml", "llms.txt"):
        copy = tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, copy)
    (tmp_path / "README.md").write_text(
        "# A page\n\n[There](docs/nowhere.md), [here](#a-heading), [conf](docs/conf.py)\n"
    )
    done = build(tmp_path / "scripts" / "build_docs", tmp_path / "site")
    assert done.returncode != 0
    for broken in ("docs/nowhere.md", "a-heading"):
        assert re.search(rf"README\.md:3: WARNING: .*{broken}", done.stderr), done.stderr
    assert "docs/conf.py" not in done.stderr


def test_the_list_of_rules_is_whole() -> None:
    text = (ROOT / "docs" / "rules.md").read_text()
    assert re.findall(r"^- \[(\w+)\]\(rules/\1\.md\): (.*)$", text, re.MULTILINE) == list(titles())


def test_figures_of_the_comparison_are_those_of_the_benchmarks() -> None:
    """What docs/comparison.md quotes was measured, and is still what docs/benchmarks.md says."""
    quoted = (ROOT / "docs" / "comparison.md").read_text()
    measured = (ROOT / "docs" / "benchmarks.md").read_text()
    row = next(line for line in quoted.splitlines() if line.startswith("| bytes of a small session"))
    shares = re.findall(r"takes (\d\.\d) times", quoted)
    assert len(shares) == 1
    for figure in re.findall(r"\d[\d,]*", row) + shares:
        assert re.search(rf"(?<!\d){figure}(?!\d|,\d)", measured), figure
