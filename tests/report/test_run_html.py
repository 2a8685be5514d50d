"""The HTML report: complete, self-contained, and nothing in it is taken for markup."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.run_records import release_record, run_record
from zdmigrate.report.run_document import Part, document
from zdmigrate.report.run_html import render
from zdmigrate.run.record import (
    AppNodeRecord,
    ChangeRecord,
    EarlierStepRecord,
    LagRecord,
    NodeRecord,
    RevisionRecord,
    StatementRecord,
    StepRecord,
)

_VOID = {"meta", "br", "rect", "path"}


class Page(HTMLParser):
    """Which tags are there, and whether they are closed as they were opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not {"src", "href", "onclick", "onload"} & {name for name, _ in attrs}
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data + " "


def test_everything_is_on_it() -> None:
    page = Page(render(document(run_record())))
    assert page.open == []
    for words in (
        "apply a → b", "110 ms", "2 of 2", "42 s", "4 min 20 s", "sessions ended", "take a backup",
        "position at the freeze: 25355514-e59d-11f1:1-5699", "write read_only = 0 somewhere",
        "Round the time in which nobody could write", "ALTER TABLE orders MODIFY n BIGINT", "accepted: reviewed",
        "n fits (met: no row speaks against it)", "no-standby", "db2:3306", "replica_type_conversions",
        "ALL_SIGNED", "restored", "3333333333", "sends nothing",
    ):  # fmt: skip
        assert words in page.words, words


def test_nothing_is_loaded_and_it_fits_a_phone_and_the_dark() -> None:
    text = render(document(run_record()))
    assert not re.search(r"https?://|@import|url\(|<script", text)
    assert 'name="viewport"' in text
    assert "prefers-color-scheme: dark" in text


def test_a_run_that_needs_a_person_says_the_command() -> None:
    text = render(document(run_record(outcome="needs a person", exit_code=5, message="a is away", next="zdmigrate go")))
    assert '<span class="bad">needs a person</span>' in text.replace("class=bad", 'class="bad"')
    assert "<pre class=next>zdmigrate go</pre>" in text


def test_a_run_that_did_nothing_yet_is_a_page_too() -> None:
    bare = run_record(
        steps=(), statements=(), lag=(), revisions=(), figures={}, variables={}, accepted={}, todo=(), seconds=0.0,
        outcome="failed", exit_code=1, message="interrupted", before=(NodeRecord("a", "db1:3306", problem="gone"),),
        after=(),
    )  # fmt: skip
    page = Page(render(document(bare)))
    assert "did not answer: gone" in page.words
    assert "Timeline" not in page.words


def test_a_release_with_what_ran_on_the_database() -> None:
    before, now = Part("expand", -100.0, document(run_record())), Part("contract", 5.0, document(run_record(run="ee")))
    text = render(document(release_record(), (before, now)))
    page = Page(text)
    assert page.open == []
    for words in (
        "release 1.0 → 2.0", "went on with a run that had stopped", "web2 has not drained within 60 s", "1 of 2",
        "runs nothing", "lost, out", "version 2.0", "ready, in rotation", "nobody could say: the store does not answer",
        "2026-03-01 11:58:30", "cut off", "undone", "one request is in flight", "writes blocked, contract",
        "apply 00ff00ff00ff00ff · took 4 min 20 s · in an earlier run · writes blocked 110 ms", "apply ee · took",
        "ALTER TABLE orders MODIFY n BIGINT", "position at the freeze: 25355514-e59d-11f1:1-5699", "left alone: worker",
    ):  # fmt: skip
        assert words in page.words, words
    assert "writes blocked, expand" not in page.words, "its time is not of this run"
    first = text[text.index("<div class=timeline>") : text.index("What ran on the database")]
    assert re.findall(r"<div class=lane><b>(.*?)</b>", first) == ["web1", "web2", ""]
    assert "<details class=part open>" not in text
    failed = Part("expand", 1.0, document(run_record(outcome="aborted", message="the disk is full", next="again")))
    text = render(document(release_record(), (failed,)))
    assert "<details class=part open>" in text, "what went wrong is seen at once"
    assert "the disk is full" in Page(text).words


def test_of_a_release_that_replaces_nobody_knows_what() -> None:
    assert "release ? → 2.0" in Page(render(document(release_record(old_version="")))).words


_texts = st.text(max_size=30) | st.sampled_from(["<script>x</script>", "\"'><img src=x>", "&lt;", "]]>", "</style>"])


@given(_texts, _texts, st.sampled_from(["done", "failed", "undone", "undo-failed", "waits", "odd"]))
def test_no_text_is_taken_for_markup(name: str, text: str, outcome: str) -> None:
    record = run_record(
        run=text, kind=name, command=text, message=text, next=text, old=name, new=name,
        before=(NodeRecord(name, text, text, text, text, 1, problem=text), NodeRecord(name, text, problem=text)),
        after=(NodeRecord(name, text, text, text),),
        steps=(StepRecord(name, name, outcome, 0.0, 1.0, text), StepRecord("compare " + name, "", outcome, 1.0, 1.0)),
        statements=(StatementRecord(name, text, text, 0.0, 1.0, (text,), 2, text),),
        lag=(LagRecord(name, 0.0, 3),),
        revisions=(RevisionRecord(name, text, text, (ChangeRecord(name, text, text, text, text, (text,), text),)),),
        figures={name: text}, variables={name: {text: (text, text)}}, accepted={name: text}, todo=(text,),
        old_version=text, new_version=name, app_after=(AppNodeRecord(name, text, problem=text),),
        app_before=(AppNodeRecord(name, text, (text,), text, text),),
        earlier=(EarlierStepRecord(text, name, text, outcome, 1.0, text),),
    )  # fmt: skip
    page = Page(render(document(record, (Part(text, 1.0, document(record)),))))
    assert page.open == []
    assert not {"script", "img"} & page.tags


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.004, "4 ms"), (12.34, "12.3 s"), (150.0, "2 min 30 s"), (7500.0, "2 h 5 min")]
)
def test_times_are_for_people(seconds: float, words: str) -> None:
    assert words in render(document(run_record(seconds=seconds)))
