"""`python -m tests.servers KIND`: say which binary would serve KIND; `--dir`: where prepared servers live.

Standard library only, so that `scripts/prepare_servers` can ask before anything is installed.
"""

import sys

from tests.servers.base import KINDS, ServerUnavailableError
from tests.servers.binaries import find, servers_dir


def main(arguments: list[str]) -> int:
    """Answer one question of `scripts/prepare_servers`; 0 found, 1 not found, 2 usage."""
    match arguments:
        case ["--dir"]:
            print(servers_dir())
            return 0
        case [kind] if kind in KINDS:
            try:
                binary = find(kind)
            except ServerUnavailableError as error:
                print(error)
                return 1
            print(f"{kind} {binary.version}: {binary.path}")
            return 0
    print(f"usage: python -m tests.servers {'|'.join(KINDS)}|--dir", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
