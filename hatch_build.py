"""Build hook: an installed Watchword carries its rooms inside `watchword/_app`.

Only a real wheel gets the copy; an editable install reads the checkout, so a stale copy can never shadow it.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOMS = ("bot", "web", "channels", "voice", "psa", "identity", "storage", "manifests", "simulator", "dialogs")


class RoomsIntoWheel(BuildHookInterface[Any]):
    """Copies every room below the launcher, so that site-packages gains one name and not ten."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the copies; `version` is "editable" for a development install, which needs none."""
        if version != "standard":
            return
        for room in ROOMS:
            build_data["force_include"][str(Path(self.root, room))] = f"watchword/_app/{room}"
