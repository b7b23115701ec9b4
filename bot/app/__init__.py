"""Putting the house together: storage, engine, dispatcher, channels and pages, started and stopped in order.

From the bottom up: `ground` is what all of it stands on, `outward` what leaves the house, `workers` what runs beside
the server, `desks` what pages are handed; `building` joins them into a `house`, and `serving` keeps it open.
"""

from bot.app.building import build
from bot.app.desks import installed_version
from bot.app.house import HEADER_SECONDS, Demo, House
from bot.app.serving import listen, run, serve, until_told_to_stop

__all__ = [
    "HEADER_SECONDS",
    "Demo",
    "House",
    "build",
    "installed_version",
    "listen",
    "run",
    "serve",
    "until_told_to_stop",
]
