"""ZD503: a view is dropped."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import DropView
from zdmigrate.verdict.differences import ViewDropped
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.names import doubt, not_known
from zdmigrate.verdict.rules.wording import listed, op_execute, quoted, steps

ID = "ZD503"


def judge(subject: ViewDropped | DropView, context: Context) -> Iterator[Finding]:
    """Statements that name it fail."""
    if isinstance(subject, ViewDropped):
        yield _dropped(subject.view.name, context)
        return
    unseen = [name for name in subject.names if name not in context.before.views]
    if unseen and context.before.complete:
        doubts = {name: why for name in unseen if (why := doubt(name, context))}
        for name, why in doubts.items():
            yield not_known(
                ID, f"DROP VIEW IF EXISTS {name}: {why}. Whether a view goes that old code reads is not known.", name
            )
        absent = [name for name in unseen if name not in doubts]
        if absent:
            there = f"There is no view {listed(absent)} to drop."
            yield Finding(ID, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, there)
    elif unseen:
        yield from (_dropped(name, context) for name in unseen)


def _dropped(name: str, context: Context) -> Finding:
    readers = sorted(view.name for view in context.after.views.values() if name in view.tables)
    if not context.old_code.maps_table(name) and not readers:
        return Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.CONTRACT,
            f"Old code does not map the view {name}.",
            table=name,
            evidence=context.old_code.quote(name),
        )
    reason = f"A statement of old code that reads the view {name} fails with 1146 (Table '{name}' doesn't exist)."
    if readers:
        reason += f" The view {listed(readers)} reads it and fails with 1356."
    return Finding(
        ID,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        reason,
        remedy=steps(
            ("expand", f"release code that does not name {name}"),
            ("deploy", "wait until no node runs older code"),
            ("contract", op_execute(f"DROP VIEW {quoted(name)}")),
        ),
        table=name,
    )


RULE = Rule(id=ID, title="view dropped", on=(ViewDropped, DropView), facts=(72,), judge=judge)
