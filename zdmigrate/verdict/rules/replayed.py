"""What the replay itself says of a statement: fabricated rows, stand-ins for missing modules, a server's refusal."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.effects.touched import touched
from zdmigrate.history.recording import RecordedStatement
from zdmigrate.history.syntax import Select, SetVariable, Transaction
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.names import doubt, not_known

#: Statements that change nothing: what they depend on does not matter.
_HARMLESS = (Select, SetVariable, Transaction)


def _data_dependent(recorded: RecordedStatement, context: Context) -> Iterator[Finding]:
    if not recorded.data_dependent or recorded.inert or isinstance(context.node, _HARMLESS):
        return
    yield Finding(
        rule="ZD910",
        old=Verdict.CONDITIONAL,
        new=Verdict.SAFE,
        phase=Phase.NEUTRAL,
        reason=(
            "this statement was sent only because a query before it was answered with a made-up row: whether it runs, "
            "and with which values, depends on the rows in your database"
        ),
        conditions=(
            Condition(
                "rows-decide",
                "workload",
                "what the revision sends for the rows you have is what was judged here; `zdmigrate prove`, or a run "
                "on a copy of the data, settles it",
            ),
        ),
        remedy="Move the data change into a revision of its own, so that its schema changes can be judged for certain.",
    )


def _inert(recorded: RecordedStatement, context: Context) -> Iterator[Finding]:
    if not recorded.inert or isinstance(context.node, _HARMLESS):
        return
    yield Finding(
        rule="ZD911",
        old=Verdict.UNKNOWN,
        new=Verdict.UNKNOWN,
        phase=Phase.NEUTRAL,
        reason="this statement depends on a module that is not installed here and was replaced by a stand-in",
        remedy="Run zdmigrate in the app's own environment, where the module can be imported.",
    )


def _refused(recorded: RecordedStatement, context: Context) -> Iterator[Finding]:
    if recorded.refusal is None:
        return
    if context.ends_revision:
        yield Finding(
            rule="ZD912",
            old=Verdict.UNKNOWN,
            new=Verdict.UNKNOWN,
            phase=Phase.NEUTRAL,
            reason=(
                f"the server refuses this statement (error {recorded.refusal.errno}: {recorded.refusal.message}) and "
                "nothing catches that: the revision stops here, and what comes after it could not be judged"
            ),
            remedy=(
                "If the schema it runs on is not the one assumed here, give that (--url, --schema or --metadata); "
                "else the revision is wrong: correct the statement."
            ),
        )
        return
    why = next((found for name in touched(recorded.statement.node) if (found := doubt(name, context))), "")
    if why:
        yield not_known(
            "ZD912",
            f"the revision goes on where the server refuses this statement (error {recorded.refusal.errno}); but "
            f"{why}, and then the server carries it out.",
        )
        return
    yield Finding(
        rule="ZD912",
        old=Verdict.SAFE,
        new=Verdict.SAFE,
        phase=Phase.NEUTRAL,
        reason=(
            f"the server refuses this statement (error {recorded.refusal.errno}: {recorded.refusal.message}) "
            "and the revision goes on without it"
        ),
        remedy="Say what is meant (if_exists, if_not_exists, or a look with inspect()), do not count on an error.",
    )


REPLAY_RULES = (
    Rule("ZD910", "statement depends on rows", (RecordedStatement,), (79,), _data_dependent),
    Rule("ZD911", "statement depends on a stand-in for a missing module", (RecordedStatement,), (79,), _inert),
    Rule("ZD912", "statement the server refuses", (RecordedStatement,), (), _refused),
)
