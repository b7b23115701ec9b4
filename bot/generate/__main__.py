"""`python -m bot.generate [--check]`: write every generated page, or say which is stale and exit with 1."""

from __future__ import annotations

import sys

from bot.generate.pages import DOCS, stale, write


def main(arguments: list[str]) -> int:
    """The exit code: 0 when all is current or written, 1 for stale pages, 2 for a misspelt option."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write(f"Unknown: {' '.join(arguments)}. The one option is --check.\n")
        return 2
    behind = stale(DOCS)
    if arguments:
        for name in behind:
            sys.stderr.write(f"docs/reference/{name} is stale. Write it anew: python3 dev.py generate\n")
        return 1 if behind else 0
    for name in behind:
        write(DOCS, name)
        sys.stdout.write(f"docs/reference/{name} written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
