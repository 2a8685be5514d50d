"""The classes themselves, and the worst of several."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Class = Literal["-", "A", "B", "C", "D"]
_ORDER: tuple[Class, ...] = ("-", "A", "B", "C", "D")


@dataclass(frozen=True, slots=True)
class ReplicationClass:
    """Whether an ALTER may run replica-first.

    Attributes:
        cls: A go; B go with `needs` set on the replica for the duration; C go after `proof`; D refuse; "-" the
            question does not arise (no ALTER of a base table).
        reason: what row events do with the difference.
        needs: members of replica_type_conversions (slave_type_conversions on MariaDB) to set on the replica while it
            has the ALTER and the primary has not. ALTERs that need ALL_SIGNED and ALL_UNSIGNED must not overlap: the
            server takes both together for ALL_SIGNED, and large unsigned values turn negative without an error.
        rewrite: what to do instead of a D.
        proof: for C, the queries (which must return no row, on both sides, again at the freeze) and conditions.
    """

    cls: Class
    reason: str
    needs: tuple[str, ...] = ()
    rewrite: str = ""
    proof: str = ""


def go(reason: str) -> ReplicationClass:
    """Class A."""
    return ReplicationClass("A", reason)


def convert(reason: str, *more: str) -> ReplicationClass:
    """Class B; `more` conversions than ALL_NON_LOSSY."""
    return ReplicationClass("B", reason, needs=("ALL_NON_LOSSY", *more))


def prove(reason: str, proof: str) -> ReplicationClass:
    """Class C."""
    return ReplicationClass("C", reason, proof=proof)


def refuse(reason: str, rewrite: str) -> ReplicationClass:
    """Class D."""
    return ReplicationClass("D", reason, rewrite=rewrite)


ELSEWHERE = "Run it directly in a quiet hour, or with gh-ost or Spirit."
LATER = "Add and fill the column first; constrain it in a later release."
NEW_COLUMN = "Add a new column at the end, write both, fill it in batches, read it, then drop the old one."


def worst(found: list[ReplicationClass]) -> ReplicationClass:
    """What several changes of one ALTER come to: the worst class, and all the settings and proofs it takes."""
    first = max(found, key=lambda item: _ORDER.index(item.cls))
    same = [item for item in found if item.cls == first.cls]
    needs = tuple(dict.fromkeys(need for item in found for need in item.needs))
    if first.cls == "D":
        needs = ()
    elif {"ALL_SIGNED", "ALL_UNSIGNED"} <= set(needs):
        return refuse("Signed and unsigned integers are widened in one ALTER: no setting reads both.", "Split it.")
    return replace(
        first,
        reason=" ".join(dict.fromkeys(item.reason for item in same)),
        needs=needs,
        rewrite=" ".join(dict.fromkeys(item.rewrite for item in same if item.rewrite)),
        proof="\n".join(dict.fromkeys(item.proof for item in found if item.proof and first.cls == "C")),
    )


def quoted(name: str) -> str:
    """A catalog key, `table` or `schema.table`, or a column's name, as SQL."""
    return ".".join(f"`{part.replace('`', '``')}`" for part in name.split("."))
