"""The pod: one person and one ticket inside a frame of the ticket system, with its own sign-in."""

from web.pages.pod.door import ROUTES as DOOR
from web.pages.pod.frame import ROUTES as FRAME
from web.pages.pod.show import ROUTES as SHOW
from web.routing import Route


def pod_routes() -> tuple[Route, ...]:
    """Pages of the frame, and those of the window in which somebody signs in to it."""
    return (*SHOW, *FRAME, *DOOR)
