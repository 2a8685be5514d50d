"""Print what the app's own `create_all` sends, as a dump: the schema its history starts from."""

from __future__ import annotations

import importlib
import json
import operator
import os
import sys


def main() -> None:
    """One job from standard input to standard output."""
    job = json.load(sys.stdin)
    out = os.dup(1)
    os.dup2(2, 1)
    from sqlalchemy import MetaData

    from zdmigrate.flavour import Flavour
    from zdmigrate.history.loading.metadata import create_statements

    whole = MetaData()
    for text in job["metadata"]:
        module, _, name = text.partition(":")
        metadata = operator.attrgetter(name)(importlib.import_module(module))
        for table in metadata.sorted_tables:
            if table.key not in whole.tables:  # as create_all leaves alone what is there
                getattr(table, "to_metadata", table.tometadata)(whole)
    texts = create_statements(whole, Flavour.parse(job["target"]))
    with os.fdopen(out, "w") as stream:
        stream.write("".join(f"{text.strip()};\n" for text in texts))


if __name__ == "__main__":
    main()
