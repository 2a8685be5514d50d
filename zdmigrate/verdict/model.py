"""Verdicts, phases, conditions, findings: the values that judging yields. Pure data, no I/O."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering
from typing import Literal


@total_ordering
class Verdict(enum.Enum):
    """Whether one side of a deploy survives a change. Ordered: SAFE < CONDITIONAL < UNKNOWN < UNSAFE.

    SAFE is a claim under the assumptions DESIGN lists; CONDITIONAL always names its conditions; UNKNOWN says
    why and what would settle it; UNSAFE is a claim that something breaks.
    """

    SAFE = "safe"
    CONDITIONAL = "conditional"
    UNKNOWN = "unknown"
    UNSAFE = "unsafe"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Verdict):
            return NotImplemented
        order = list(Verdict)
        return order.index(self) < order.index(other)

    @classmethod
    def worst(cls, verdicts: Iterable[Verdict]) -> Verdict:
        """The worst of them; SAFE of none."""
        return max(verdicts, default=cls.SAFE)


class Phase(enum.StrEnum):
    """The side of a deploy a change belongs to; MIXED is for revisions only, SPLIT means no single side will do."""

    NEUTRAL = "neutral"
    EXPAND = "expand"
    MIGRATE = "migrate"
    CONTRACT = "contract"
    MIXED = "mixed"
    SPLIT = "split"


ConditionKind = Literal["data", "code", "workload", "order", "person"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold for a conditional verdict to be safe.

    Attributes:
        name: short stable name, kebab-case, e.g. "no-null-writes", "tolerates-null", "no-duplicates".
        kind: what can prove it: "data" (a query), "code" (a manifest or a person who knows the code), "workload"
            (execution), "order" (something deployed or run first), "person".
        text: one sentence in the user's table and column names.
        proof: the query that decides a data condition (it returns no row when the condition holds), or None.
    """

    name: str
    kind: ConditionKind
    text: str
    proof: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says about one difference.

    Attributes:
        rule: stable id, ZDnnn.
        old: verdict for old code on the new schema; `conditions` are its conditions.
        new: verdict for new code on the old schema; `new_conditions` likewise.
        phase: where the change belongs.
        reason: what breaks whom, with the server's error number; or why nothing does.
        remedy: the steps, with Alembic code in the user's names; empty when nothing is to be done.
        evidence: quoted proof that narrowed the verdict (which manifest, what it maps), or "".
    """

    rule: str
    old: Verdict
    new: Verdict
    phase: Phase
    reason: str
    remedy: str = ""
    conditions: tuple[Condition, ...] = ()
    new_conditions: tuple[Condition, ...] = ()
    table: str | None = None
    column: str | None = None
    evidence: str = ""

    @property
    def may_block(self) -> bool:
        """Whether the gate could ever stop on it: everything but a safe expand, migrate or neutral step."""
        return self.old is not Verdict.SAFE or self.phase in (Phase.CONTRACT, Phase.SPLIT)
