"""The report of a run as JSON, and back."""

from __future__ import annotations

from typing import Any

import msgspec

from zdmigrate.report.run_document import Document


def render(document: Document) -> str:
    """The document, indented, ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def read(text: str | bytes) -> Document:
    """The document of a JSON report.

    Raises:
        msgspec.ValidationError: it is not one.
    """
    return msgspec.json.decode(text, type=Document)


def schema() -> dict[str, Any]:
    """JSON Schema of the document, for those who read it from other languages."""
    return msgspec.json.schema(Document)
