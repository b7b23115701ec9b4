"""What the verification panel shows, as plain values: templates see these and never a storage row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from web.pages.approval_views import ApprovalView, HighView
from web.pages.views import EPOCH, Choice, Tone


@dataclass(frozen=True, slots=True)
class ShieldView:
    """One address and whether it is verified now: `is_green`, else red. `words` say the same and hold how it was
    verified; `until` is when it turns back. `elsewhere`: the number of another ticket that it was verified for, which
    says nothing for this one."""

    address_id: str
    kind: str
    address: str
    is_green: bool
    words: str
    until: datetime = EPOCH
    elsewhere: str = ""


@dataclass(frozen=True, slots=True)
class WayView:
    """One method to one address. `value` goes into the form, `text` says what will happen. `why`: what stands in the
    way, in a few words, empty when nothing does. `note_for`: why it needs a note, in words. `override`: an override
    would help. `not_before`: when waiting helps."""

    value: str
    text: str
    why: str = ""
    note_for: str = ""
    override: bool = False
    not_before: datetime | None = None
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """The newest verification: live, or ended lately. `state` is its word in the API, `title` the same for people,
    `todo` what to do now. `asks_code`: the technician types what they hear. `spoken`: two digits to say aloud.
    `delivery` says how the message fares, `undelivered` that it will not arrive. `not_enough`: what the result does not
    suffice for. `number`: what the carrier says of the number it went to, in words."""

    id: str
    state: str
    title: str
    tone: Tone
    todo: str = ""
    method: str = ""
    destination: str = ""
    technician: str = ""
    mine: bool = False
    asks_code: bool = False
    can_resend: bool = False
    spoken: str = ""
    delivery: str = ""
    undelivered: bool = False
    tries_left: int = 0
    expires_at: datetime = EPOCH
    ended_at: datetime = EPOCH
    good_for: str = ""
    not_enough: str = ""
    ticket: str = ""
    ticket_id: str = ""
    needs_ticket: bool = False
    number: str = ""
    number_tone: Tone = "quiet"

    @property
    def is_live(self) -> bool:
        """Whether an answer still counts."""
        return self.state == "sent"


@dataclass(frozen=True, slots=True)
class PastView:
    """One line of the history."""

    id: str
    at: datetime
    state: str
    tone: Tone
    title: str
    method: str
    destination: str
    technician: str
    ticket: str = ""
    ticket_id: str = ""
    note: str = ""
    override: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody tried on the panel, and why it was refused: drawn again, so that nothing they typed is lost."""

    refused: str = ""
    message: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """What was typed in a field."""
        return self.typed.get(name, "")


@dataclass(frozen=True, slots=True)
class Locked:
    """A method that too many wrong codes have closed, which an admin may open again."""

    method: str
    text: str


@dataclass(frozen=True, slots=True)
class Second:
    """`asking`: ways that take a second person first. `live`: requests about this contact that wait or count.
    `answered`: mine to which the answer was no, or none, a moment ago. `high`: how it stands with high-risk work, None
    while nothing has begun. `by_two`: the policy takes two methods and a second person for that."""

    asking: tuple[WayView, ...] = ()
    live: tuple[ApprovalView, ...] = ()
    answered: tuple[ApprovalView, ...] = ()
    high: HighView | None = None
    by_two: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """Everything about verifying one contact, for one technician, about one ticket or none.

    `acts`: what the paths of the forms begin with; `query`: how they end, `?` included; `here`: where to come back to,
    a path of ours. `about`: the ticket that everything is about where the page has fixed that, else empty. `ways` can
    work now, `blocked` cannot; `missing` are names of methods that are not set up. `obstacles` are whole sentences
    about what stands in the way. `conflict`: a check of a caller is open, or ended so lately that `conflict_wait`, a
    length of time, is left; `overrides` are the ways that an override would open, for whoever may do it; `ask_whom`
    tells the others whom to ask. `no_high`: why high-risk work is not among `actions`. `checked_me`: they have just
    confirmed this very technician; `checking_me`: their check of this technician is under way. `seq`: where the event
    stream stood. `second`: what second persons were asked for, and what takes one.
    """

    contact_id: str
    name: str
    first_name: str
    acts: str
    here: str
    query: str
    in_pod: bool
    events: str
    shields: tuple[ShieldView, ...]
    running: Running | None
    ways: tuple[WayView, ...]
    blocked: tuple[WayView, ...]
    missing: str
    obstacles: tuple[str, ...]
    conflict: bool
    conflict_wait: str
    overrides: tuple[WayView, ...]
    ask_whom: str
    no_high: str
    tickets: tuple[Choice, ...]
    fixed_ticket: bool
    about: str
    actions: tuple[Choice, ...]
    history: tuple[PastView, ...]
    attempt: Attempt = field(default_factory=Attempt)
    checked_me: str = ""
    checking_me: bool = False
    locked: tuple[Locked, ...] = ()
    announce: str = ""
    seq: int = 0
    second: Second = field(default_factory=Second)

    @property
    def is_green(self) -> bool:
        """Whether any of their addresses is verified for what this is about."""
        return any(s.is_green for s in self.shields)

    @property
    def needs_note(self) -> bool:
        """Whether every way needs a note, so that the field is there from the start."""
        offered = (*self.ways, *self.second.asking)
        return bool(offered) and all(w.note_for for w in offered)

    @property
    def about_now(self) -> str:
        """The ticket that is fixed or chosen, empty for none."""
        return self.about if self.fixed_ticket else next((t.value for t in self.tickets if t.chosen), "")
