"""What servers remember of the statements they ran, against what a contract is about to remove. Pure.

The fleet is the first witness: nodes say what they map. A cron job, a report or a forgotten worker says nothing, but
the statements it sends are in performance_schema. `zdmigrate.run.witness` asks for them; here it is decided what they
mean. Only a statement that was seen is a claim: not to have seen one proves nothing beyond the time that was looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from zdmigrate.history.catalog import Catalog
from zdmigrate.verdict.digest_text import Scope, Source, Statement, canonical, read, words_of
from zdsession.fleet.model import Gone

#: What `--accept` calls it.
WITNESS = "witness"
#: Seconds by which a server's clock may differ from that of the node that said goodbye; and for a request to end that
#: began before rows were moved.
CLOCK_SLACK = 5.0
#: Seconds that are looked back where nobody knows when the last old code left.
WINDOW = 600.0
#: Seconds by which our own statement may be seen later than we noted it; MariaDB notes whole seconds.
_OWN_SLACK = 2.0
#: Less than this is little to go by, and is said.
_THIN = 60.0
#: So many statements of a server are told of, each with so many letters.
_TOLD, _SHOWN = 5, 300


@dataclass(frozen=True, slots=True)
class Digest:
    """One statement as a server remembers it.

    Attributes:
        schema: the default database it ran in, "" for none.
        age: seconds since it was last seen to run, by the server's clock.
        count: how often it ran since the server began to remember it.
        clients: who was seen to send it, as `user@host (connection n)`.
    """

    digest: str
    schema: str
    text: str
    age: float
    count: int
    clients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Own:
    """A statement that zdmigrate sent itself: the words of it, and how many seconds ago at the latest.

    Attributes:
        cut: only the beginning of it is known.
        moves: it changed rows, and was done.
    """

    words: tuple[str, ...]
    age: float
    cut: bool = False
    moves: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What one server said.

    Attributes:
        node: its name.
        silent: why it cannot be a witness, "" when it can.
        memory: seconds for which it has remembered statements.
        longest: bytes of a digest it keeps.
        lost: age of the last statement for which it had no room, None for none.
        partial: why it may not have seen every statement, "" for no reason.
    """

    node: str
    silent: str = ""
    digests: tuple[Digest, ...] = ()
    memory: float = 0.0
    longest: int = 1024
    lost: float | None = None
    partial: str = ""


@dataclass(frozen=True, slots=True)
class Removal:
    """What one contract removes.

    Attributes:
        revision: its name.
        gone: tables and columns.
        before: the schema it is removed from, which says to which table a column belongs.
        since: seconds ago that the last code left that was known to use it.
    """

    revision: str
    gone: tuple[Gone, ...]
    before: Catalog
    since: float


class Harm(Enum):
    """What becomes of a statement when the name is gone."""

    NONE = "none"
    #: It runs on, and gives a column less.
    FEWER = "fewer"
    BREAKS = "breaks"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A statement that breaks when `gone` is removed, seen on a server."""

    node: str
    gone: Gone
    digest: Digest
    why: str

    def __str__(self) -> str:
        seen = self.digest
        who = f", sent by {', '.join(seen.clients)}" if seen.clients else ""
        text = seen.text if len(seen.text) <= _SHOWN else seen.text[:_SHOWN] + " ..."
        times = "once" if seen.count == 1 else f"{seen.count} times"
        return (
            f"{self.node} ran a statement that {self.why} {ago(seen.age)} ago ({times} in all{who}): "
            f"{text} [digest {seen.digest[:16]}]"
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What all servers said of one contract.

    Attributes:
        found: the statements that would break.
        notes: what a person should know, first of all where there is no second witness.
        asked: the servers that could tell, each with the seconds it looked back and how many statements it had.
    """

    revision: str
    found: tuple[Sighting, ...]
    notes: tuple[str, ...]
    asked: Mapping[str, tuple[float, int]] = field(default_factory=dict)

    def quote(self) -> str:
        """What was looked at, in one line; "" where nobody could tell."""
        if not self.asked:
            return ""
        where = ", ".join(f"{node} ({ago(back)}, {count} statements)" for node, (back, count) in self.asked.items())
        return f"{len(self.found) or 'no'} statement{'s' if len(self.found) > 1 else ''} in the way on {where}"

    def reasons(self) -> list[str]:
        """Why the contract may not run, one for each statement in the way; empty when there is none."""
        if not self.found:
            return []
        removed = ", ".join(dict.fromkeys(str(item.gone) for item in self.found))
        return [
            *(f"{self.revision} removes {item.gone}, and {item}" for item in self.found),
            f"find who still uses {removed} (SELECT * FROM sys.session, or information_schema.PROCESSLIST), stop or "
            "change it, and run again; if what you see is old code that has left, look back less far "
            f"(--witness-window SECONDS); if it may break, say --accept {WITNESS} --because REASON",
        ]


def evidence_of(removal: Removal, heard: Iterable[Heard], database: str, own: Sequence[Own] = ()) -> Evidence:
    """What the servers' memory says of one contract.

    Args:
        database: the app's, in which a name without one is looked for.
        own: statements of ours, which are no evidence.
    """
    since = min(removal.since, _settled(removal, own))
    found: list[Sighting] = []
    notes: list[str] = []
    asked: dict[str, tuple[float, int]] = {}
    for one in heard:
        if one.silent:
            notes.append(f"no second witness on {one.node}: {one.silent}")
            continue
        seen = _look_through(one, removal, database, own)
        found += [item for item in seen.breaking if item.digest.age < since][:_TOLD]
        asked[one.node] = (min(since, one.memory), sum(item.age < since for item in one.digests))
        notes += _notes_of(one, seen, since)
    if asked and since < _THIN:
        notes.append(
            f"only statements of the last {ago(since)} were looked at for {removal.revision}: what is sent "
            "more rarely was not seen"
        )
    return Evidence(removal.revision, tuple(found), tuple(notes), asked)


@dataclass(slots=True)
class _Seen:
    """What one server ran that has to do with what goes.

    Attributes:
        breaking: the latest first.
        fewer: what goes on with a column less.
        cut: how many may name it in what the server did not keep.
    """

    breaking: list[Sighting] = field(default_factory=list)
    fewer: list[Digest] = field(default_factory=list)
    cut: int = 0


def _look_through(one: Heard, removal: Removal, database: str, own: Sequence[Own]) -> _Seen:
    columns = {
        canonical(name): frozenset(canonical(column.name) for column in table.columns)
        for name, table in removal.before.tables.items()
    }
    seen = _Seen()
    for item in one.digests:
        if item.age >= removal.since or not _may_concern(item, removal.gone, one.longest):
            continue
        statement = read(item.text)
        harm, gone, why = _worst(statement, removal.gone, database, item.schema, columns)
        if gone is None:
            seen.cut += bool(statement.verb) and statement.may_be_cut(one.longest)
        elif is_ours(item, own):
            continue
        elif harm is Harm.BREAKS and not is_dump(item.text):
            seen.breaking.append(Sighting(one.node, gone, item, why))
        else:
            seen.fewer.append(item)
    seen.breaking.sort(key=lambda item: item.digest.age)
    return seen


def _notes_of(one: Heard, seen: _Seen, since: float) -> Iterator[str]:
    """What is no reason against a contract, and yet to be known."""
    later = sum(item.digest.age < since for item in seen.breaking)
    if later > _TOLD:
        yield f"{one.node} ran {later - _TOLD} more statements that would break"
    if later < len(seen.breaking):
        yield (
            f"{seen.breaking[later]}. That was before the last step that moved rows of that table was done: new code "
            "may look there as long as rows are not filled"
        )
    if seen.fewer:
        count = f"{len(seen.fewer)} statement{'s' if len(seen.fewer) > 1 else ''}"
        text = seen.fewer[0].text[:_SHOWN]
        yield f"{one.node} ran {count} that read * of it, and will go on without it, such as: {text}"
    if seen.cut:
        yield (
            f"{one.node} keeps only the first {one.longest} bytes of a statement; what the rest of {seen.cut} of them "
            "names is not known (max_digest_length)"
        )
    if one.partial:
        yield f"{one.node} is half a witness: {one.partial}"
    if one.memory < since:
        yield f"{one.node} remembers only the last {ago(one.memory)}"
    if one.lost is not None and one.lost < since:
        yield (
            f"{one.node} had no room for every statement (the last {ago(one.lost)} ago): it is half a witness; "
            "TRUNCATE performance_schema.events_statements_summary_by_digest there, or raise "
            "performance_schema_digests_size"
        )


def _settled(removal: Removal, own: Iterable[Own]) -> float:
    """Seconds since we last moved rows of what goes: until then new code may have had to look there."""
    tables = {canonical(one.table.rpartition(".")[2]) for one in removal.gone}
    moved = [item.age for item in own if item.moves and not tables.isdisjoint(item.words)]
    return max(0.0, min(moved) - CLOCK_SLACK) if moved else float("inf")


def _may_concern(seen: Digest, gone: Iterable[Gone], longest: int) -> bool:
    """Whether it is worth reading: it has the name of a table in it, or may have lost it with its end."""
    text = seen.text.lower()
    if 2 * len(text) > longest:
        return True
    names = {one.table.rpartition(".")[2].lower() for one in gone}
    return any(name in text or canonical(name) in text for name in names)


def is_ours(seen: Digest, own: Sequence[Own]) -> bool:
    """Whether zdmigrate sent it, and nobody else since: by the words of what it sent, and by when."""
    if _is_our_check(seen):
        return True
    said = words_of(seen.text)
    return any(
        seen.age >= item.age - _OWN_SLACK
        and (said == item.words or (item.cut and said[: len(item.words)] == item.words))
        for item in own
    )


def is_dump(text: str) -> bool:
    """Whether a backup reads a whole table: it lists the tables first, so a missing one does it no harm."""
    said = words_of(text)
    return said[:2] == ("select", "sql_no_cache") and "from" in said and not {"where", "join"} & set(said)


def _is_our_check(seen: Digest) -> bool:
    """Our checksums, and questions whether a row stands against a condition: by their shape.

    Both are sent over connections of which an app has no like: the first without a database, the second with a limit
    of time and for nothing but a constant.
    """
    said = words_of(seen.text)
    if not seen.schema and said[:5] == ("select", "count", "as", "n", "bit_xor"):
        return True
    asks = said[:2] == ("select", "from") and seen.text.startswith("SELECT /*+ MAX_EXECUTION_TIME (")
    asks = asks or said[:6] == ("set", "statement", "max_statement_time", "for", "select", "from")
    return asks and said[-1] == "limit"


def harm_of(
    statement: Statement, gone: Gone, database: str, schema: str, columns: Mapping[str, frozenset[str]]
) -> tuple[Harm, str]:
    """What becomes of a statement when a table or column is gone, and what it does with it.

    Args:
        schema: the default database it ran in.
        columns: of every table known, both as :func:`~zdmigrate.verdict.digest_text.canonical` writes them.
    """
    return _Question(statement, gone, database, schema, columns).answer()


def _worst(
    statement: Statement, gone: Iterable[Gone], database: str, schema: str, columns: Mapping[str, frozenset[str]]
) -> tuple[Harm, Gone | None, str]:
    fewer: tuple[Harm, Gone | None, str] = (Harm.NONE, None, "")
    for one in gone:
        harm, why = harm_of(statement, one, database, schema, columns)
        if harm is Harm.BREAKS:
            return harm, one, why
        if harm is Harm.FEWER:
            fewer = harm, one, why
    return fewer


class _Question:
    """Whether one statement needs one name."""

    def __init__(
        self, statement: Statement, gone: Gone, database: str, schema: str, columns: Mapping[str, frozenset[str]]
    ) -> None:
        self._statement = statement
        self._gone = gone
        given, _, table = gone.table.rpartition(".")
        self._database = (given or database).lower()
        self._table = canonical(table)
        self._column = None if gone.column is None else canonical(gone.column)
        self._schema = schema.lower()
        self._columns = columns

    def answer(self) -> tuple[Harm, str]:
        statement = self._statement
        if self._column is None:
            if any(map(self._is_it, statement.sources())) or any(self._named_without_source()):
                return Harm.BREAKS, f"names {self._gone}"
            return Harm.NONE, ""
        if statement.unlisted is not None and self._is_it(statement.unlisted):
            return Harm.BREAKS, f"inserts into {self._gone.table} without naming its columns"
        if any(self._names(scope) for scope in statement.scopes):
            return Harm.BREAKS, f"names {self._gone}"
        stars = [scope for scope in statement.scopes if self._reads_all(scope)]
        if any(scope.feeds or scope.united for scope in stars):
            return Harm.BREAKS, f"needs every column of {self._gone.table} (* in INSERT or UNION)"
        return (Harm.FEWER, f"reads * of {self._gone.table}") if stars else (Harm.NONE, "")

    def _is_it(self, source: Source) -> bool:
        return source.table == self._table and (source.schema or self._schema) == self._database

    def _named_without_source(self) -> Iterator[bool]:
        """In a statement that is cut before its FROM only qualifiers tell of which table it is."""
        for scope in self._statement.scopes:
            for name in scope.names:
                yield len(name.parts) > 1 and self._qualified(scope, name.parts)

    def _names(self, scope: Scope) -> bool:
        for name in scope.names:
            if name.parts[-1] != self._column:
                continue
            if len(name.parts) > 1:
                if self._qualified(scope, name.parts):
                    return True
            elif not (name.clause in ("ORDER", "HAVING") and self._column in scope.labels) and self._resolves(scope):
                return True
        return scope.natural and self._reads(scope) and any(map(self._other_has_it, scope.sources))

    def _resolves(self, scope: Scope | None) -> bool:
        """Whether the column without a qualifier is that of the table: it belongs to the innermost that has it."""
        while scope is not None:
            if self._reads(scope):
                return True
            if any(map(self._other_has_it, scope.sources)):
                return False
            if any(self._column in given for given in scope.derived.values()):
                return False
            scope = scope.outer
        return False

    def _qualified(self, scope: Scope | None, parts: tuple[str, ...]) -> bool:
        qualifier = parts[-2]
        schema = parts[-3] if len(parts) > 2 else ""
        around = False
        while scope is not None:
            around = around or self._reads(scope)
            for source in scope.sources:
                if source.alias == qualifier and (not schema or (source.schema or self._schema) == schema):
                    return self._is_it(source)
            if qualifier in scope.derived:
                return False
            scope = scope.outer
        if around and not schema:  # an alias that was not understood
            return True
        return qualifier == self._table and (schema or self._schema) == self._database

    def _reads(self, scope: Scope) -> bool:
        return any(map(self._is_it, scope.sources))

    def _other_has_it(self, source: Source) -> bool:
        if self._is_it(source):
            return False
        local = (source.schema or self._schema) == self._database
        known = self._columns.get(source.table if local else f"{source.schema or self._schema}.{source.table}")
        return known is not None and self._column in known

    def _reads_all(self, scope: Scope) -> bool:
        for qualifier in scope.stars:
            if not qualifier and self._reads(scope):
                return True
            if qualifier and any(source.alias == qualifier and self._is_it(source) for source in scope.sources):
                return True
        return False


def ago(seconds: float) -> str:
    """A duration for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
