"""ZD110: a table is rebuilt or looked after as it is."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Table
from zdmigrate.history.syntax import AlterTable, MaintainTable, OtherAction, Rebuild, SetOptions
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.wording import listed

_READS_ONLY = frozenset({"ANALYZE", "CHECK", "CHECKSUM"})


def judge(node: AlterTable | MaintainTable, context: Context) -> Iterator[Finding]:
    """No statement notices; the server may be busy for long."""
    if isinstance(node, MaintainTable):
        work = "reads" if node.verb in _READS_ONLY else "rebuilds"
        yield _neutral(
            node.names[0] if len(node.names) == 1 else None, f"{node.verb} TABLE {work} {listed(node.names)}"
        )
        return
    table = context.before.table(node.name)
    if table is None or not table.complete:
        return  # ZD112 judges that
    for action in node.actions:
        match action:
            case Rebuild():
                yield _neutral(node.name, f"{node.name} is rebuilt as it is")
            case SetOptions(options=options) if _same(table, options):
                yield _neutral(node.name, f"{node.name} is rebuilt with the options it has")
            case OtherAction(text=text):
                yield _neutral(node.name, f"{text} changes nothing statements can see in {node.name}")
            case _:
                continue


def _same(table: Table, options: tuple[tuple[str, str], ...]) -> bool:
    given = {name: value.lower() for name, value in options}
    return given.keys() == {"engine"} and given["engine"] == table.engine.lower()


def _neutral(table: str | None, text: str) -> Finding:
    return Finding(
        RULE.id,
        Verdict.SAFE,
        Verdict.SAFE,
        Phase.NEUTRAL,
        f"{text}: every row stays, and every statement means the same.",
        table=table,
    )


RULE = Rule("ZD110", "table rebuilt or maintained", (AlterTable, MaintainTable), (77,), judge)
