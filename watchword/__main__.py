"""Starts the command line from a checkout and from an installed wheel alike.

The rooms (`bot`, `web`, ...) are top-level packages. They lie beside this folder in a checkout and below
`watchword/_app` in a wheel; whichever it is goes first on the path, so a stranger's `web` cannot get in front.
"""

import sys
from pathlib import Path


def application_root() -> Path:
    """The folder that holds the rooms."""
    here = Path(__file__).resolve().parent
    packed = here / "_app"
    return packed if packed.is_dir() else here.parent


def main() -> None:
    """Hand over to the command line of `bot`."""
    root = str(application_root())
    if sys.path[:1] != [root]:
        sys.path.insert(0, root)
    from bot.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
