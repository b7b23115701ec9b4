"""The table of technician verification: one line per declared way and target, readable as its specification."""

from tests.unit.check_walks.by_technician import BY_TECHNICIAN
from tests.unit.check_walks.by_user import BY_USER, STARTS
from tests.unit.check_walks.tickets_and_time import ENDED, TICKETS, TIME, afterwards
from tests.unit.check_walks.world import Walk

WALKS: list[Walk] = [*STARTS, *BY_USER, *BY_TECHNICIAN, *TICKETS, *TIME, *afterwards()]

__all__ = ["ENDED", "WALKS", "Walk"]
