"""The documentation as a site: `make docs`.

The pages are the Markdown files of the repository, as they are; this file adds what a site needs: an order, and a
place for the sources and folders that pages link to. Sphinx reads from the root of the repository, so that a link
means the same in a file and on the site.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docutils import nodes
from pygments.lexers.special import TextLexer
from pygments.lexers.sql import MySqlLexer
from sphinx import addnodes
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]

#: What the side of every page shows: parts, and their pages in the order in which one would read them.
PARTS = {
    "Start": ["docs/quickstart", "examples/flask_app/README", "docs/story", "docs/faq", "docs/comparison"],
    "Sessions and nodes": ["docs/sessions", "docs/fleet", "docs/release"],
    "Migrations": ["docs/migrations", "docs/rules", "docs/cost", "docs/replication-classes", "docs/prove"],
    "Carrying them out": [
        "docs/apply",
        "docs/backfill",
        "docs/replica-first",
        "docs/switchover",
        "docs/clients",
        "docs/runbook",
        "docs/run-report",
    ],
    "What was measured": [
        "docs/benchmarks",
        "docs/online-alter",
        "docs/fault-matrix",
        "docs/real-histories",
        "docs/labelled-cases",
        "docs/labels",
        "docs/openstack-labels",
    ],
    "Inside": ["docs/architecture", "docs/development", "docs/dependencies", "CHANGELOG"],
}

#: The files and folders that are no pages and that pages link to; known when all pages were read (`--fresh-env`).
LINKED: set[Path] = set()

project = "zdrelease"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
extensions = ["myst_parser"]
include_patterns = ["README.md", "CHANGELOG.md", "docs/*.md", "docs/rules/*.md", "examples/*/README.md"]
root_doc = "README"
myst_heading_anchors = 6  # the anchors GitHub gives
suppress_warnings = ["myst.header"]

html_theme = "furo"
html_title = f"zdrelease {release}"
html_extra_path = ["../llms.txt"]
html_static_path = html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_use_index = False


def add_order(_app: Sphinx, page: str, text: list[str]) -> None:
    """Give the start page, and so the side of every page, the parts."""
    if page == root_doc:
        for part, pages in PARTS.items():
            text[0] += "\n".join(["\n", "```{toctree}", ":hidden:", f":caption: {part}", "", *pages, "```", ""])


def leave_out_rules(app: Sphinx, _page: nodes.document) -> None:
    """Keep a hundred rules out of the side of every page; docs/rules.md lists them."""
    if app.env.docname.startswith("docs/rules/"):
        app.env.metadata[app.env.docname]["orphan"] = ""


def link_files(app: Sphinx, page: nodes.document) -> None:
    """Let links to files and folders that are no pages lead to copies of them, at the same place in the site."""
    folder = ROOT / Path(app.env.doc2path(app.env.docname)).parent
    for link in list(page.findall(lambda node: isinstance(node, addnodes.download_reference | addnodes.pending_xref))):
        target = Path(os.path.normpath(folder / link["reftarget"]))
        if link.get("refdomain") or not target.exists():  # a page or an anchor; Sphinx warns of what is nowhere
            continue
        if target.is_dir() and target.with_suffix(".md").exists():  # the page that tells what is in it
            uri = os.path.relpath(target, folder) + ".html"
        else:
            LINKED.add(target)
            uri = os.path.relpath(target, folder) + ("/index.html" if target.is_dir() else "")
        link.replace_self(nodes.reference("", "", *link.children, refuri=uri, internal=True))


def list_folders(_app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page for each linked folder: what is in it."""
    for folder in sorted(path for path in LINKED if path.is_dir()):
        names = [path.relative_to(folder).as_posix() for path in _sources(folder)]
        name = folder.relative_to(ROOT).as_posix()
        items = "".join(f'<li><a href="{quote(each)}">{escape(each)}</a></li>' for each in names)
        yield f"{name}/index", {"title": name, "body": f"<h1>{escape(name)}</h1><ul>{items}</ul>"}, "page.html"


def add_files(app: Sphinx, failed: Exception | None) -> None:
    """Put beside the pages what they link to, each page's Markdown (which llms.txt names), and the start page."""
    if failed:
        return
    files = {ROOT / app.env.doc2path(page) for page in app.env.found_docs}
    for path in LINKED:
        files.update(_sources(path) if path.is_dir() else [path])
    for source in files:
        copy = Path(app.outdir, source.relative_to(ROOT))
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    shutil.copyfile(Path(app.outdir, f"{root_doc}.html"), Path(app.outdir, "index.html"))


def _sources(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in path.relative_to(folder).parts)
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_lexer("haproxy", TextLexer)
    app.add_lexer("sql", MySqlLexer)
    app.connect("source-read", add_order)
    app.connect("doctree-read", leave_out_rules, priority=600)  # after Sphinx collected what pages say of themselves
    app.connect("doctree-read", link_files, priority=400)  # before Sphinx copies what it takes for a download
    app.connect("html-collect-pages", list_folders)
    app.connect("build-finished", add_files)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
