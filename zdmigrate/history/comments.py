"""The comments of a revision's file; what stands in a string is none."""

from __future__ import annotations

import tokenize
from collections.abc import Iterator


def comments(source: str) -> Iterator[tuple[int, str, bool]]:
    """(line, text, whether it has the line to itself) of every comment, up to where the text is no Python any more."""
    lines = iter(source.splitlines(keepends=True))
    try:
        for token in tokenize.generate_tokens(lambda: next(lines, "")):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string, token.line.lstrip().startswith("#")
    except (tokenize.TokenError, SyntaxError):
        return
