"""What a rule is: a pure function from one subject and its context to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.recording import SessionState
from zdmigrate.verdict.model import Finding

if TYPE_CHECKING:
    from zdmigrate.verdict.evidence import OldCode


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule may look at beside its subject.

    Attributes:
        base: the schema old code was written for.
        before, after: the schema around the statement being judged.
        old_code: what old code maps: the whole base schema, or what the given manifests prove.
        target: the server's flavour.
        session: session settings in force.
        node: the statement's tree.
        following: the trees of the statements that the same revision sends after it.
        ends_revision: the server's refusal of the statement ended the revision: nothing caught it.
        began: the schema when the statement's revision began; None where that is the base.
    """

    base: Catalog
    before: Catalog
    after: Catalog
    old_code: OldCode
    target: Flavour
    session: SessionState
    node: object
    following: tuple[object, ...] = ()
    ends_revision: bool = False
    began: Catalog | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: stable, ZDnnn: 1xx tables, 2xx columns, 3xx keys, 4xx data, 5xx routines and rights, 9xx cannot judge.
        title: a few words.
        on: the subjects it judges: Difference types, or statement node types of `history.syntax`.
        facts: rows of the agreed table of operations it carries out (numbers of `facts/operations.csv`).
        judge: the function; yields a finding for each thing to say, nothing when it does not apply.
    """

    id: str
    title: str
    on: tuple[type, ...]
    facts: tuple[int, ...]
    judge: Callable[[Any, Context], Iterable[Finding]]
