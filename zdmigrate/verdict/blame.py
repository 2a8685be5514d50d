"""Which live code a change would break: judged for each manifest by itself, so that a node can be named.

Values in, values out: whoever knows the fleet gives its code as values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from zdmigrate.verdict.evidence import OldCode, mapped_table
from zdmigrate.verdict.fleet_proof import SHORT, Blame, LiveCode
from zdmigrate.verdict.judge import Judgement
from zdmigrate.verdict.model import Finding, Verdict
from zdsession.manifest import Manifest

#: Code that maps nothing: what is said of it is not for a manifest to disprove.
_NOTHING = Manifest("", (), {})

_Key = tuple[str, str | None, str | None, tuple[str, ...]]


def harmed_by(
    judged_for: Callable[[OldCode], Judgement], old_code: OldCode, live: Iterable[LiveCode]
) -> tuple[Blame, ...]:
    """Whom the statement harms, or may, by what they map.

    Args:
        judged_for: judges the statement for that old code.
        old_code: whose base and reader of types to judge with.
        live: the code that runs.
    """
    anyway = _harm(judged_for(replace(old_code, manifests=(_NOTHING,)))).keys()
    done: dict[str, list[str]] = {}
    found = []
    for code in live:
        if code.manifest is None:
            continue
        if code.digest not in done:
            harm = _harm(judged_for(replace(old_code, manifests=(code.manifest,))))
            done[code.digest] = list(
                dict.fromkeys(_what(item, code.manifest) for key, item in harm.items() if key not in anyway)
            )
        found += [Blame(code, what) for what in done[code.digest]]
    return tuple(found)


def _harm(judgement: Judgement) -> dict[_Key, Finding]:
    """The findings by which old code breaks, or may by what it does."""
    return {
        (item.rule, item.table, item.column, tuple(one.name for one in item.conditions)): item
        for item in judgement.findings
        if item.old is Verdict.UNSAFE or any(one.kind == "code" for one in item.conditions)
    }


def _what(finding: Finding, manifest: Manifest) -> str:
    """`maps users.nick as VARCHAR(50) NULL`; what breaks, where that says nothing."""
    columns = mapped_table(manifest, finding.table or "")
    if columns is None:
        return f"is harmed: {finding.reason}"
    by = f" (manifest {manifest.digest[:SHORT]})"
    if finding.column is None:
        return f"maps {finding.table}{by}"
    mapped = columns.get(finding.column.lower())
    if mapped is None:
        return f"maps {finding.table} without {finding.column}{by}"
    null = "NULL" if mapped.nullable else "NOT NULL"
    return f"maps {finding.table}.{finding.column} as {mapped.type} {null}{by}"
