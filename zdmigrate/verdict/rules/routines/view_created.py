"""ZD501: a view is created."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import CreateView
from zdmigrate.verdict.differences import ViewCreated
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.names import doubt, not_known
from zdmigrate.verdict.rules.routines.view_changed import keeps_columns, view_first

ID = "ZD501"


def judge(subject: ViewCreated | CreateView, context: Context) -> Iterator[Finding]:
    """Old code does not know it, unless it takes the name of something old code knows."""
    if isinstance(subject, CreateView):
        view = context.before.views.get(subject.name)
        if view is not None and view == context.after.views.get(subject.name):
            reason = f"The view {subject.name} stands already, and stays as it is."
            yield Finding(ID, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, reason, table=subject.name)
        return
    name = subject.view.name
    if isinstance(context.node, CreateView) and context.node.or_replace and (why := doubt(name, context)):
        yield not_known(ID, f"CREATE OR REPLACE VIEW {name}: {why}. What old code reads there is not known.", name)
        return
    replaces = isinstance(context.node, CreateView) and context.node.or_replace and not context.base.complete
    reason = f"Old code does not know the view {name}."
    if replaces:
        reason = f"CREATE OR REPLACE VIEW {name}: whether old code knows a view of that name was never seen."
    elif name in context.base.tables:
        reason = (
            f"The view {name} takes the name of a table of old code: what that loses is judged where the table goes. "
            "Through the view its statements run again as far as it is updatable and has the columns they name."
        )
    yield Finding(
        ID,
        Verdict.CONDITIONAL if replaces else Verdict.SAFE,
        Verdict.CONDITIONAL,
        Phase.EXPAND,
        reason + " New code that reads it on the old schema fails with 1146: run this before deploying it.",
        conditions=(keeps_columns(name),) if replaces else (),
        new_conditions=(view_first(name),),
        table=name,
    )


RULE = Rule(id=ID, title="view created", on=(ViewCreated, CreateView), facts=(5, 71), judge=judge)
