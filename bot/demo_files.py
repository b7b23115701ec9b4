"""Files that the demo keeps beside its database."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Written beside and moved into place: who finds the file finds all of it. For the owner's eyes alone."""
    beside = path.with_name(path.name + ".part")
    beside.touch(mode=0o600)
    beside.write_text(text)
    os.replace(beside, path)
