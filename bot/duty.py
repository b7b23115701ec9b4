"""Who is told that nobody has claimed a check, or that a colleague asks for a second person: by each one's own way, and
nobody is left out for want of one.

Pure but for the reading. Whoever is on duty comes first; where none of them can be reached, everybody who can be is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bot.mail_route import MailRoute
from storage.duty import OnCall, Roll
from storage.teams_connections import TeamsConnections


@dataclass(frozen=True, slots=True)
class Colleagues:
    """Whoever may agree to what `but` asks for, who is not told themselves."""

    but: str
    supervisors_only: bool = False


#: What may be told: nobody has claimed a check, an alarm, or somebody asks for a second person.
Event: TypeAlias = Literal["unclaimed", "alarm"] | Colleagues


@dataclass(frozen=True, slots=True)
class Told:
    """One technician and where they are told; an empty address: not that way."""

    technician_id: str
    mobile: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Audience:
    """Everybody and everything that is told. `off_duty`: nobody on duty could be reached, so everybody else is told;
    with nobody in `people` as well, there was nobody at all. `connections`: ids of Teams connections."""

    people: tuple[Told, ...] = ()
    off_duty: bool = False
    connections: tuple[str, ...] = ()


def whom(people: Iterable[OnCall], *, can_mail: bool) -> tuple[tuple[Told, ...], bool]:
    """Who is told and how, and whether they are off duty for want of others."""
    found = [(one.on_duty, told) for one in people if (told := _reached(one, can_mail)) is not None]
    on_duty = tuple(told for duty, told in found if duty)
    return (on_duty, False) if on_duty else (tuple(told for _, told in found), True)


def _reached(one: OnCall, can_mail: bool) -> Told | None:
    """By the ways they chose; by the other one where none of those leads anywhere; None when nothing does."""
    email = one.email if can_mail else ""
    by_text = one.mobile if "sms" in one.ways else ""
    by_mail = email if "email" in one.ways else ""
    told = Told(one.id, by_text, by_mail) if by_text or by_mail else Told(one.id, one.mobile, email)
    return told if told.mobile or told.email else None


class DutyDesk:
    """Finds the audience of a tenant at this moment."""

    def __init__(self, roll: Roll, route: MailRoute, connections: TeamsConnections) -> None:
        self._roll = roll
        self._route = route
        self._connections = connections

    async def audience(self, tenant_id: str, event: Event) -> Audience:
        """An alarm goes to Teams connections alone: it stands in every console already."""
        # A second person is asked for where unclaimed checks are told of: both want somebody who has a moment.
        wanted = "unclaimed" if isinstance(event, Colleagues) else event
        connections = await self._connections.wanting(tenant_id, wanted)
        if event == "alarm":
            return Audience(connections=connections)
        can_mail = await self._route.of(tenant_id) is not None
        everybody: Iterable[OnCall] = await self._roll.active(tenant_id)
        if isinstance(event, Colleagues):
            only = event.supervisors_only
            everybody = [one for one in everybody if one.id != event.but and (one.supervises or not only)]
        people, off_duty = whom(everybody, can_mail=can_mail)
        return Audience(people, off_duty, connections)
