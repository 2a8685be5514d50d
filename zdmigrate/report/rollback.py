"""Whether a version could run again, for people and for programs (`zdmigrate can-rollback`)."""

from __future__ import annotations

from typing import Any

import msgspec

from zdmigrate.rollback import BREAKS, OPEN, Answer, Objection

SCHEMA_VERSION = 1
_SAID = {0: "could run again now", BREAKS: "cannot run again now", OPEN: "may not be able to run again now"}


def as_text(answer: Answer) -> str:
    """The answer, then a line for each reason."""
    digests = ", ".join(item.digest[:8] for item in answer.manifests)
    lines = [f"version {answer.version} (manifest {digests}) {_SAID[answer.exit_code]}"]
    lines += [f"  breaks   {item}" for item in answer.breaks]
    lines += [f"  unknown  {item}" for item in answer.unknown]
    lines += [f"  note     {item}" for item in answer.notes]
    heads = ",".join(dict.fromkeys(head for item in answer.manifests for head in item.heads))
    if not answer.breaks and heads:
        lines.append(
            f"  note     keys, checks and triggers are in no manifest; `zdmigrate check --from {heads}` judges what "
            "was changed in them since"
        )
    return "\n".join(lines) + "\n"


def as_json(answer: Answer) -> str:
    """The document, indented, ending in a newline. Fields are added freely, never renamed."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "version": answer.version,
        "can_rollback": {0: True, BREAKS: False, OPEN: None}[answer.exit_code],
        "exit_code": answer.exit_code,
        "manifests": [{"digest": item.digest, "heads": list(item.heads)} for item in answer.manifests],
        "breaks": [_objection(item) for item in answer.breaks],
        "unknown": [_objection(item) for item in answer.unknown],
        "notes": list(answer.notes),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _objection(item: Objection) -> dict[str, Any]:
    return {"table": item.table, "column": item.column, "message": item.text}
