"""Whether what a trigger does can be seen by old code."""

from __future__ import annotations

from dataclasses import dataclass

from zdmigrate.history.catalog import Trigger
from zdmigrate.verdict.rule import Context
from zdmigrate.verdict.rules.origin import Target, target
from zdmigrate.verdict.rules.routines.body import Effects, TableWrite, effects
from zdmigrate.verdict.rules.wording import listed


@dataclass(frozen=True, slots=True)
class Reach:
    """What of a trigger's work old code can see.

    Attributes:
        effects: everything it does.
        seen: places it writes that old code reads, in words.
        unseen: places it writes that old code does not know.
        evidence: the proof for places that exist but are unmapped.
    """

    effects: Effects
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    evidence: str = ""

    @property
    def only_unseen(self) -> bool:
        """It writes something, and nothing of it can be seen, raise an error by design, or be anything at all."""
        return bool(self.unseen) and not (self.seen or self.effects.signals or self.effects.calls)


def reach(trigger: Trigger, context: Context) -> Reach:
    """What old code can see of the trigger's work."""
    done = effects(trigger.body)
    seen: list[str] = []
    unseen: list[str] = []
    proofs: list[str] = []
    own = target(context, trigger.table)
    places = [(own, name) for name in done.sets]
    for write in done.writes:
        where = target(context, _key(write, trigger))
        if write.verb == "UPDATE" and write.columns and write.table:
            places += [(where, name) for name in write.columns]
        elif where.new:
            unseen.append(where.name)
        elif write.table and not context.old_code.maps_table(where.old_name):
            unseen.append(where.name)
            proofs.append(context.old_code.quote(where.old_name))
        else:
            seen.append(where.name or "several tables")
    for where, name in places:
        proof = _unmapped(where, name, context)
        if where.new or where.is_new_column(name) or proof:
            unseen.append(f"{where.name}.{name}")
            proofs.append(proof)
        else:
            seen.append(f"{where.name}.{name}")
    return Reach(
        done, tuple(dict.fromkeys(seen)), tuple(dict.fromkeys(unseen)), "; ".join(dict.fromkeys(filter(None, proofs)))
    )


def _key(write: TableWrite, trigger: Trigger) -> str:
    schema = trigger.table.rpartition(".")[0]
    return f"{schema}.{write.table}" if schema and "." not in write.table else write.table


def _unmapped(where: Target, name: str, context: Context) -> str:
    old = where.old_column(name)
    column = name if old is None else old.name
    old_code = context.old_code
    return "" if old_code.maps_column(where.old_name, column) else old_code.quote(where.old_name, column)


def place(trigger: Trigger) -> str:
    """`BEFORE INSERT ON users`."""
    return f"{trigger.timing} {trigger.event} ON {trigger.table}"


def work(found: Reach) -> str:
    """What it does, in words: `writes users.nick, raises errors and calls audit()`."""
    words = []
    if found.seen or found.unseen:
        words.append(f"writes {listed((*found.seen, *found.unseen))}")
    if found.effects.signals:
        words.append("raises errors with SIGNAL")
    if found.effects.calls:
        words.append(f"calls {listed(f'{name}()' for name in found.effects.calls)}")
    return listed(words) or "does something that its text does not show"
