"""What servers remember, weighed against what a contract removes: pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdmigrate.history.catalog import Catalog
from zdmigrate.verdict.digest_text import words_of
from zdmigrate.verdict.witness import Digest, Evidence, Heard, Own, Removal, ago, evidence_of, is_dump
from zdsession.fleet.model import Gone

NICK = Gone("users", "nick")
READS = "SELECT `nick` FROM `users`"


def seen(text: str = READS, age: float = 10.0, schema: str = "shop", count: int = 3) -> Digest:
    return Digest("d" * 32, schema, text, age, count)


def weighed(
    *digests: Digest, since: float = 600.0, own: tuple[Own, ...] = (), gone: Gone = NICK, **of: Any
) -> Evidence:
    heard = Heard("db1", digests=digests, **{"memory": 3600.0, **of})
    return evidence_of(Removal("bbbb2", (gone,), Catalog(), since), [heard], "shop", own)


def test_what_is_said() -> None:
    evidence = weighed(seen(), seen("SELECT ?"))
    assert evidence.quote() == "1 statement in the way on db1 (10 min, 2 statements)"
    first, then = evidence.reasons()
    assert first == (
        "bbbb2 removes users.nick, and db1 ran a statement that names users.nick 10 s ago (3 times in all): "
        "SELECT `nick` FROM `users` [digest dddddddddddddddd]"
    )
    assert "--witness-window SECONDS" in then
    assert "--accept witness --because REASON" in then
    (found,) = evidence.found
    shown = replace(found, digest=replace(found.digest, clients=("bi@10.0.0.7 (connection 4)",), count=1))
    assert "(once in all, sent by bi@10.0.0.7 (connection 4))" in str(shown)
    assert len(str(replace(found, digest=replace(found.digest, text="x" * 5000)))) < 600


def test_nothing_in_the_way() -> None:
    evidence = weighed(seen("SELECT NAME FROM `users`"))
    assert (evidence.reasons(), evidence.notes) == ([], ())
    assert evidence.quote() == "no statement in the way on db1 (10 min, 1 statements)"


def test_who_cannot_tell_is_a_note_and_no_refusal() -> None:
    silent = Heard("db2", "performance_schema is off")
    evidence = evidence_of(Removal("bbbb2", (NICK,), Catalog(), 600), [silent], "shop")
    assert (evidence.reasons(), evidence.quote()) == ([], "")
    assert evidence.notes == ("no second witness on db2: performance_schema is off",)


@pytest.mark.parametrize(
    ("of", "note"),
    [
        ({"memory": 42.0}, "db1 remembers only the last 42 s"),
        ({"lost": 30.0}, "db1 had no room for every statement (the last 30 s ago)"),
        ({"partial": "it watches some accounts only"}, "db1 is half a witness: it watches some accounts only"),
        ({"longest": 64}, "db1 keeps only the first 64 bytes of a statement; what the rest of 1 of them names"),
    ],
)
def test_half_a_witness_is_told(of: dict[str, Any], note: str) -> None:
    evidence = weighed(seen("SELECT `name` , `id` FROM `people` WHERE `id` = ?"), **of)
    assert evidence.reasons() == []
    assert len(evidence.notes) == 1
    assert evidence.notes[0].startswith(note)


def test_a_loss_before_the_window_does_not_matter() -> None:
    assert weighed(lost=900.0).notes == ()


def test_a_short_look_is_told() -> None:
    (note,) = weighed(since=4.0).notes
    assert note.startswith("only statements of the last 4 s were looked at for bbbb2")


def test_of_many_statements_some_are_shown() -> None:
    many = [seen(f"SELECT `nick` , `c{number}` FROM `users`", age=float(number)) for number in range(9)]
    evidence = weighed(*many)
    assert [item.digest.age for item in evidence.found] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert evidence.notes == ("db1 ran 4 more statements that would break",)


def test_a_backup_reads_what_there_is() -> None:
    dump = "SELECT SQL_NO_CACHE * FROM `users`"
    assert is_dump(dump)
    assert is_dump("SELECT SQL_NO_CACHE `id` , `nick` FROM `users`")
    assert not is_dump("SELECT SQL_NO_CACHE `nick` FROM `users` WHERE `id` = ?")
    evidence = weighed(seen(dump), gone=Gone("users"))
    assert evidence.found == ()
    assert weighed(seen("SELECT * FROM `users`"), gone=Gone("users")).found != ()


OURS = "UPDATE users SET full_name = CONCAT(name, nick) WHERE full_name IS NULL"
SEEN = "UPDATE `users` SET `full_name` = `CONCAT` ( NAME , `nick` ) WHERE `full_name` IS NULL"


def test_what_we_sent_is_no_evidence_unless_somebody_sent_it_later() -> None:
    own = (Own(words_of(OURS), 60.0),)
    assert weighed(seen(SEEN, 61.0), own=own).found == ()
    assert weighed(seen(SEEN, 50.0), own=own).found != (), "after us"
    assert weighed(seen(SEEN, 61.0)).found != ()
    assert weighed(seen(SEEN.replace("NAME", "`other`"), 61.0), own=own).found != ()
    cut = (Own(words_of(OURS)[:4], 60.0, cut=True),)
    assert weighed(seen(SEEN, 61.0), own=cut).found == ()


def test_new_code_may_look_there_until_rows_are_moved() -> None:
    moved = Own(words_of(OURS), 40.0, moves=True)
    still = weighed(seen(age=20.0), own=(moved,))
    assert still.found != ()
    stopped = weighed(seen(age=45.0), own=(moved,))
    assert stopped.found == ()
    assert any("before the last step that moved rows of that table was done" in note for note in stopped.notes)
    assert any("the last 35 s were looked at" in note for note in stopped.notes)
    assert weighed(seen(age=45.0), own=(replace(moved, words=words_of("UPDATE people SET a = 1")),)).found != ()
    assert weighed(seen(age=45.0), own=(replace(moved, moves=False),)).found != ()


def test_our_checks_are_known_by_their_shape() -> None:
    checksum = "SELECT COUNT ( * ) AS `n` , BIT_XOR ( `CRC32` ( `nick` ) ) AS `h` FROM `shop` . `users` WHERE TRUE"
    assert weighed(seen(checksum, schema="")).found == ()
    assert weighed(seen(checksum)).found != (), "an app has a database"
    for question in (
        "SELECT /*+ MAX_EXECUTION_TIME (?) */ ? FROM `users` WHERE `nick` IS NULL LIMIT ?",
        "SET STATEMENT `max_statement_time` = ? FOR SELECT ? FROM `users` WHERE `nick` IS NULL LIMIT ?",
    ):
        assert weighed(seen(question)).found == ()
        assert weighed(seen(question.replace("? FROM", "`nick` FROM"))).found != ()


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_only_what_was_seen_since_counts(age: float, since: float) -> None:
    assert bool(weighed(seen(age=age), since=since).reasons()) == (age < since)


@given(st.floats(0, 1e7))
def test_every_duration_can_be_said(seconds: float) -> None:
    assert ago(seconds).split()[1] in ("s", "min", "h", "days")
