"""The table of end-user verification: one line per declared way and target, readable as its specification."""

from tests.unit.verification_walks.by_technician import AGAIN, ASKING, ENDED, TICKETS, afterwards
from tests.unit.verification_walks.by_user import CALLS, CODES, DENIALS, LINKS, TIME
from tests.unit.verification_walks.world import Walk

WALKS: list[Walk] = [*ASKING, *AGAIN, *TICKETS, *afterwards(), *CODES, *LINKS, *DENIALS, *CALLS, *TIME]

__all__ = ["ENDED", "WALKS", "Walk"]
