"""Short ways for tests of proofs: judge a case and run it, and say where the two disagree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.verdict.support import recorded
from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import ColumnType
from zdmigrate.history.loading.live import flavour_of
from zdmigrate.history.recording import RecordedStatement
from zdmigrate.history.statements import parse, parse_type
from zdmigrate.proof.runner import Change, Step, prove
from zdmigrate.proof.scratch import Scratch, SqlError, scratch
from zdmigrate.proof.workload import Rows, Workload, derive
from zdmigrate.verdict.evidence import OldCode
from zdmigrate.verdict.judge import Judgement, judge
from zdmigrate.verdict.model import Verdict
from zdmigrate.verdict.rules import RULES
from zdsession.manifest import Manifest


class UnbuildableError(Exception):
    """The server refuses the base schema: no case."""


@dataclass(frozen=True)
class Case:
    """One case judged and run: a judgement and a step for each statement."""

    judgements: tuple[Judgement, ...]
    steps: tuple[Step, ...]
    recorded: tuple[RecordedStatement, ...]

    @property
    def static(self) -> Verdict:
        """The worst verdict."""
        return Verdict.worst(item.old for item in self.judgements)

    @property
    def broke(self) -> bool:
        """Whether old code broke at any prefix."""
        return any(step.result == "broke" for step in self.steps)

    @property
    def ran(self) -> bool:
        """Whether every statement was carried out."""
        return all(step.result in ("held", "broke") for step in self.steps)

    def too_permissive(self) -> str:
        """Where every statement so far was called safe and old code breaks all the same; "" when nowhere."""
        for index, step in enumerate(self.steps):
            if self.judgements[index].old is not Verdict.SAFE:
                return ""
            if step.result == "broke":
                return self.describe(index)
        return ""

    def describe(self, index: int) -> str:
        """The case for a person to read, up to that statement."""
        lines = []
        for judgement, step in list(zip(self.judgements, self.steps, strict=True))[: index + 1]:
            lines.append(f"{step.sql}\n  static: {judgement.old.value}; run: {step.result}")
            lines += [f"    {item.rule} {item.old.value}: {item.reason}" for item in judgement.findings]
            if step.broken is not None:
                broken = step.broken
                lines.append(f"  {broken.query.purpose}: {broken.errno} {broken.reason}\n    {broken.query.sql[:300]}")
        return "\n".join(lines)


def run_case(made: Scratch, base: str, *statements: str, flavour: Flavour, manifests: Sequence[Manifest] = ()) -> Case:
    """Judge and run a case in an empty scratch database.

    Raises:
        UnbuildableError: when the server refuses the base schema.
    """
    start, found = recorded(base, *statements, flavour=flavour)

    def read_type(text: str) -> ColumnType:
        return parse_type(text, mariadb=flavour.is_mariadb)

    old_code = OldCode(start, tuple(manifests), read_type)
    nodes = tuple(item.statement.node for item in found)
    judgements = [judge(item, start, old_code, flavour, RULES, nodes[place:]) for place, item in enumerate(found, 1)]
    texts = [item.sql for item in parse(base, mariadb=flavour.is_mariadb)]
    changes = [Change(item.statement.sql, item.statement.node) for item in found]

    def workloads(rows: Rows) -> list[Workload]:
        return [derive(start, manifest=item, read_type=read_type, rows=rows) for item in manifests or (None,)]

    try:
        steps = prove(made, texts, workloads, changes).steps
    except SqlError as error:
        raise UnbuildableError(f"{base}: {error}") from error
    return Case(tuple(judgements), steps, tuple(found))


@contextmanager
def scratch_on(url: str) -> Iterator[tuple[Scratch, Flavour]]:
    """A scratch database on that server, and the server's flavour."""
    with scratch(url) as made:
        yield made, flavour_of(made.version())
