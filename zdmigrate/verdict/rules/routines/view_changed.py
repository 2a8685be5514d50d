"""ZD502: a view of the base schema has another definition."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ViewChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.wording import op_execute, quoted, steps

ID = "ZD502"


def judge(subject: ViewChanged, context: Context) -> Iterator[Finding]:
    """Old code reads it by the columns, and with the meaning, that it had."""
    name = subject.after.name
    if not context.old_code.maps_table(name):
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.CONDITIONAL,
            Phase.EXPAND,
            f"Old code does not map the view {name}.",
            new_conditions=(view_first(name),),
            table=name,
            evidence=context.old_code.quote(name),
        )
        return
    reason, conditions = "", list[Condition]()
    if (subject.before.definition, subject.before.columns) != (subject.after.definition, subject.after.columns):
        reason = (
            f"The view {name} is defined anew: a column of it that old code names and that is gone fails with 1054, "
            "and rows it no longer shows, or shows otherwise, change what old code reads. No error tells."
        )
        conditions.append(keeps_columns(name))
    if subject.before.options != subject.after.options:
        reason = f"{reason} {_options(subject)}".lstrip()
        conditions.append(
            Condition(
                "view-options-suit-old-code",
                "code",
                f"Old code reads {name}, and writes through it where it does, under the options it has now.",
            )
        )
    yield Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.EXPAND,
        reason,
        remedy=steps(
            (
                "expand",
                op_execute(f"CREATE VIEW {quoted(name + '_v2')} AS ...") + "  # the new definition, under a new name",
            ),
            ("deploy", f"code that reads {name}_v2"),
            ("contract", op_execute(f"DROP VIEW {quoted(name)}")),
        ),
        conditions=tuple(conditions),
        new_conditions=(view_first(name),),
        table=name,
    )


def _options(changed: ViewChanged) -> str:
    """What each option that came or went may do to old code, in words."""
    name, was, now = changed.after.name, set(changed.before.options), set(changed.after.options)
    words = [f"{item} is no longer an option of {name}." for item in sorted(was - now)]
    for item in sorted(now - was):
        match item.split()[0].partition("=")[0]:
            case "ALGORITHM":
                what = "no row can be written through it any more (1288, 1471)"
            case "WITH":
                what = "a write through it of a row that it does not show fails with 1369"
            case _:
                what = "whose rights on its tables do not suffice reads nothing from it (1142, 1356, 1449)"
                words.append(f"{name} gets {item}: an account {what}.")
                continue
        words.append(f"{name} gets {item}: {what}.")
    return " ".join(words)


def keeps_columns(name: str) -> Condition:
    """The condition under which old code does not notice another definition."""
    return Condition(
        "view-keeps-old-meaning",
        "code",
        f"The new {name} has every column that old code names, with the same meaning, and shows the same rows.",
    )


def view_first(name: str) -> Condition:
    """The condition of new code that reads it."""
    return Condition(
        "view-before-code", "order", f"New code that needs the view {name} as it is here is deployed after it."
    )


RULE = Rule(id=ID, title="view changed", on=(ViewChanged,), facts=(71,), judge=judge)
