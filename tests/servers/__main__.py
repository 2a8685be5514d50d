"""Answers questions of `scripts/prepare_servers`: `python -m tests.servers ...`.

    KIND [VERSION]   the binary that would serve it
    TOOL             the path of a helper program, `haproxy` for example
    --dir            where prepared servers live
    --engine         `answers`, `private`, `installable` (a private engine, once dockerd is there), or why none
    --images         make the images that tests want on that engine; print what it lacks
    --table          what there is, by provider; with --images, after making the images

Exit: 0 found, 1 not found (one line says why), 2 usage. The standard library does for all but --engine and --images.
"""

import sys

from tests.servers import availability
from tests.servers.base import KINDS, ServerUnavailableError
from tests.servers.binaries import find, find_tool, servers_dir


def main(arguments: list[str]) -> int:
    """Answer one question."""
    match arguments:
        case ["--dir"]:
            print(servers_dir())
            return 0
        case ["--engine"]:
            return _engine()
        case ["--images"]:
            lacking = [row for row in availability.containers(prepare=True) if row.missing]
            print(*(f"no {row.name} {row.version}: {row.note}" for row in lacking), sep="\n")
            return 1 if lacking else 0
        case ["--table", *images] if images in ([], ["--images"]):
            rows = list(availability.processes())
            if images:
                rows += availability.containers(prepare=True)
            print(availability.table(rows))
            return 1 if availability.lacking(rows) else 0
        case [kind, *version] if kind in KINDS and len(version) <= 1:
            try:
                binary = find(kind, *version)
            except ServerUnavailableError as error:
                print(error)
                return 1
            print(f"{kind} {binary.version}: {binary.path}")
            return 0
        case [tool] if tool in availability.TOOLS:
            path = find_tool(tool)
            print(f"{tool}: {path}" if path else f"no {tool} on PATH")
            return 0 if path else 1
    print(__doc__, file=sys.stderr)
    return 2


def _engine() -> int:
    try:
        from tests.servers.engine import answering_engine, could_install_dockerd, why_no_private_engine
    except ModuleNotFoundError as error:
        print(f"the Python package {error.name} is not installed")
        return 1
    if answering_engine():
        print("answers")
    elif could_install_dockerd():
        print("installable")
    elif reason := why_no_private_engine():
        print(reason)
        return 1
    else:
        print("private")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
